"""An org with nothing forgotten: what was so at any instant, as known at any other, and why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import NamedTuple, Self

from domain.catalog import Catalog, Key, module_of
from domain.effective import Effective, Lanes, denied_by, effective
from domain.facts import LedgerEvent, TrialEnding
from domain.ids import OrgId, org_stream
from domain.lanes import Block, Grant
from domain.org import Org, rebuild
from domain.refusals import VersionNotReached


class Recorded(NamedTuple):
    """A fact with its place in the whole ledger and the database's time of recording."""

    position: int
    recorded_at: datetime
    fact: LedgerEvent


class Unforgetting(Org):
    """The same facts, but ended grants and lifted blocks stay.

    What is accounted for is no matter of the past, and would cost a look at all of them.
    """

    def _pass(self, at: datetime) -> None:
        """See `Org`."""

    def _put(self, entry: Grant | Block) -> None:
        if isinstance(entry, Grant):
            self.grants[entry.id] = entry
        else:
            self.blocks[entry.id] = entry

    def _open(self, grant: Grant, *, at: datetime) -> None:
        self.grants[grant.id] = grant

    def _raise(self, block: Block, *, at: datetime) -> None:
        self.blocks[block.id] = block

    def _lift(self, block_id: str, *, at: datetime) -> None:
        if block_id in self.blocks:
            self.blocks[block_id] = self.blocks[block_id]._replace(ends=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """In `[starts, ends)` a key was in one state; `because` are the facts its start came from."""

    key: Key
    state: Effective
    denied_by: str | None
    starts: datetime
    ends: datetime | None
    sources: tuple[str, ...]
    because: tuple[Recorded, ...]


class History:
    """Every fact of one org up to an instant of knowledge, in order."""

    def __init__(self, org_id: OrgId, recorded: Sequence[Recorded]) -> None:
        self.org_id = org_id
        self.recorded = tuple(recorded)

    @cached_property
    def org(self) -> Org:
        """The org with all of its grants and blocks, past ones too."""
        blank = Unforgetting.blank(org_stream(self.org_id))
        return rebuild(blank, (entry.fact for entry in self.recorded))

    @cached_property
    def lanes(self) -> Lanes:
        return self.org.lanes

    @property
    def version(self) -> int:
        """The org version that was known."""
        return self.org.version

    def known_at(self, known_at: datetime) -> Self:
        """The history as the ledger had recorded it at `known_at`, that instant included."""
        return type(self)(
            self.org_id, [entry for entry in self.recorded if entry.recorded_at <= known_at]
        )

    def at_version(self, version: int) -> Self:
        """The history up to one version of the org.

        Raises:
            VersionNotReached: it has not got there.
        """
        if version > self.version:
            raise VersionNotReached(self.org_id, wanted=version, current=self.version)
        return type(self)(
            self.org_id, [e for e in self.recorded if e.fact.originator_version <= version]
        )

    @property
    def standing(self) -> Lanes:
        """The lanes as the org itself holds them at this version, past ones forgotten."""
        blank = Org.blank(org_stream(self.org_id))
        return rebuild(blank, (entry.fact for entry in self.recorded)).lanes

    def behind(self, entry: Grant | Block) -> tuple[Recorded, ...]:
        """The facts that made a grant or a block what it is, in order."""
        return self._by_subject.get(entry.id, ())

    @cached_property
    def _by_subject(self) -> dict[str, tuple[Recorded, ...]]:
        found: dict[str, list[Recorded]] = {}
        for entry in self.recorded:
            if isinstance(entry.fact, TrialEnding):  # it tells of a trial and makes nothing of it
                continue
            for field in ("grant_id", "trial_id", "block_id"):
                subject = getattr(entry.fact, field, None)
                if subject is not None:
                    found.setdefault(subject, []).append(entry)
        return {subject: tuple(entries) for subject, entries in found.items()}

    def concerning(self, key: Key) -> list[Grant | Block]:
        """The grants of a key and of its module, and the blocks over it, oldest first."""
        keys = {key, module_of(key)}
        entries: list[Grant | Block] = [g for g in self.org.grants.values() if g.key in keys]
        entries += [block for block in self.org.blocks.values() if block.concerns(key)]
        return sorted(entries, key=lambda entry: entry.starts)

    def timeline(self, key: Key, catalog: Catalog) -> list[Span]:
        """The intervals of one key from the org's first fact on, neighbours joined.

        The last span reaches as far as is known: without an end, or up to its own.
        """
        if not self.recorded:
            return []
        concerned = self.concerning(key)
        lanes = Lanes.of(
            [entry for entry in concerned if isinstance(entry, Grant)],
            [entry for entry in concerned if isinstance(entry, Block)],
        )
        edges = sorted({self.recorded[0].fact.timestamp, *_instants(concerned)})
        spans: list[Span] = []
        for starts, ends in zip(edges, [*edges[1:], None], strict=True):
            changed = [e for e in concerned if e.begins and starts in (e.starts, e.ends)]
            span = Span(
                key=key,
                state=effective(lanes, catalog, key, starts),
                denied_by=denied_by(lanes, catalog, key, starts),
                starts=starts,
                ends=ends,
                sources=_sources(concerned, starts),
                because=self._because(changed, by=starts),
            )
            if spans and _same(spans[-1], span):
                spans[-1] = replace(spans[-1], ends=ends)
            else:
                spans.append(span)
        return spans

    def _because(self, changed: Iterable[Grant | Block], *, by: datetime) -> tuple[Recorded, ...]:
        facts = {
            recorded.position: recorded
            for entry in changed
            for recorded in self.behind(entry)
            if recorded.fact.effective_at <= by
        }
        return tuple(facts[position] for position in sorted(facts))


def _instants(entries: Iterable[Grant | Block]) -> Iterable[datetime]:
    for entry in entries:
        yield entry.starts
        if entry.ends is not None:
            yield entry.ends


def _sources(entries: Iterable[Grant | Block], at: datetime) -> tuple[str, ...]:
    return tuple(sorted({e.source for e in entries if isinstance(e, Grant) and e.active(at)}))


def _same(one: Span, other: Span) -> bool:
    return (one.state, one.denied_by, one.sources) == (other.state, other.denied_by, other.sources)


def touched_keys(history: History, catalog: Catalog) -> list[Key]:
    """The catalog keys that any grant or block of the org ever named, in the catalog's order."""
    named = {grant.key for grant in history.org.grants.values()}
    named |= {block.key for block in history.org.blocks.values() if block.key is not None}
    return [key for key in catalog.walk() if key in named]
