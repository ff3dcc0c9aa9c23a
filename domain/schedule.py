"""Scheduled changes: what will begin or end by itself, and what would be so without that."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid5

from domain.instants import iso
from domain.lanes import Block, Edge, End, Grant

ChangeKind = Literal[
    "grant_starts", "grant_ends", "trial_starts", "trial_ends", "block_starts", "block_ends"
]
_CHANGES = UUID("6c1f1b6e-58f2-4a53-8a0c-6d6f5a0b7c1d")  # never rename: change ids derive from it


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One edge of a grant or a block; another instant makes it another change."""

    entry: Grant | Block
    edge: Edge
    at: datetime

    @property
    def id(self) -> str:
        return uuid5(_CHANGES, f"{self.entry.id}:{self.edge}:{iso(self.at)}").hex

    @property
    def kind(self) -> ChangeKind:
        if isinstance(self.entry, Block):
            return "block_starts" if self.edge == "starts" else "block_ends"
        if self.entry.kind == "trial":
            return "trial_starts" if self.edge == "starts" else "trial_ends"
        return "grant_starts" if self.edge == "starts" else "grant_ends"

    @property
    def cancellable(self) -> bool:
        """Whether it may be cancelled before its instant.

        A trial has an end of its own that can only be moved, and where another grant takes over,
        it is the start of that one which may be cancelled.
        """
        if self.edge == "starts" or isinstance(self.entry, Block):
            return True
        if self.entry.ended_by is None:
            return self.entry.kind == "full"
        return self.entry.ended_by != "superseded" and bool(self.entry.ends_before)


def changes(entries: Iterable[Grant | Block]) -> Iterator[Change]:
    """Every edge of the entries that begin at some time, past ones too."""
    for entry in entries:
        if entry.begins:
            yield Change(entry=entry, edge="starts", at=entry.starts)
            if entry.ends is not None:
                yield Change(entry=entry, edge="ends", at=entry.ends)


def cancelled_changes(entries: Iterable[Grant | Block]) -> Iterator[Change]:
    """The edges that were taken back, as far as that is remembered."""
    for entry in entries:
        if not entry.begins:
            yield Change(entry=entry, edge="starts", at=entry.starts)
        if entry.cancelled_end is not None:
            yield Change(entry=entry, edge="ends", at=entry.cancelled_end)


def end_without(grant: Grant, later: Iterable[Grant]) -> End:
    """The end that holds again once the present one is cancelled.

    Args:
        later: what was granted in its slot after it; it gives way to the first of them to start.
    """
    end = grant.ends_before[-1] if grant.ends_before else (None, None)
    starts = min((other.starts for other in later if other.begins), default=None)
    if starts is not None and (end[0] is None or starts < end[0]):
        return starts, "superseded"
    return end
