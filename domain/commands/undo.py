"""Undoing a batch: what it gave is ended, what it took is given again; nothing is ever deleted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from domain.batches import Parts
from domain.commands.base import Context
from domain.commands.blocks import lift_block, raise_block
from domain.commands.grants import end_grant, open_grant
from domain.commands.trials import extend_trial, start_trial
from domain.facts import OrgRegistered
from domain.instants import iso
from domain.lanes import Block, Grant
from domain.org import Org
from domain.touched import Touched, Traces

Done = Literal["ended", "end_moved", "reopened", "lifted", "raised"]
Skipped = Literal["over", "moved_since", "slot_taken", "registration_stays", "not_undoable"]

HARMLESS: tuple[Skipped, ...] = ("over", "registration_stays")
"""Reasons to skip something that leave nothing for anybody to look at."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One grant or block, as it stands now, and what is to become of it."""

    touched: Touched
    now: Grant | Block | None
    skipped: Skipped | None


class UndoBatch(Parts):
    """Bring each grant and block a batch touched back to what it was, from now on.

    Whatever somebody changed since is left alone. `came_to` names what was done to each, or why
    nothing was: `over` (it would have ended by now anyway), `moved_since` (it is no longer as the
    batch left it), `slot_taken` (another one stands in its place). In it `from` is null for now.
    """

    def __init__(self, left: Traces) -> None:
        self._left = left
        self.came_to = []

    def printed(self) -> Any:
        """The facts that are undone."""
        return ["undo", list(self._left.event_ids)]

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        """Take away first: what is given again may need the room."""
        steps = [_step(touched, org, at=context.now) for touched in self._left.touched]
        entries: list[dict[str, Any] | None] = [_taken_away(step, org, context) for step in steps]
        taken = self._taken(org, at=context.now)
        for number, step in enumerate(steps):
            if entries[number] is None:
                entries[number] = _given_again(step, org, context, taken=taken)
        self.came_to = [entry for entry in entries if entry is not None] + list(self._others())
        return ()

    def _taken(self, org: Org, *, at: datetime) -> list[Grant | Block]:
        """What stands there now and is not from before the batch."""
        all_of_them: list[Grant | Block] = [*org.grants.values(), *org.blocks.values()]
        return [e for e in all_of_them if e.id not in self._left.standing and e.live(at)]

    def _others(self) -> Iterator[dict[str, Any]]:
        for topic in self._left.others:
            registered = topic == OrgRegistered.TOPIC
            yield {
                "what": topic.split(".")[1],
                "undone": None,
                "skipped": "registration_stays" if registered else "not_undoable",
            }


def _step(touched: Touched, org: Org, *, at: datetime) -> _Step:
    """What became of it since; a trial, grant or block the org has forgotten is over."""
    after = touched.after
    now = org.blocks.get(after.id) if isinstance(after, Block) else org.grants.get(after.id)
    if now is None:
        return _Step(touched, None, "moved_since" if after.live(at) else None)
    same = (now.starts, now.ends) == (after.starts, after.ends)
    return _Step(touched, now, None if same else "moved_since")


def _taken_away(step: _Step, org: Org, context: Context) -> dict[str, Any] | None:
    """What the batch gave, ended; None where it gave nothing."""
    before, after = step.touched.before, step.touched.after
    if before is not None and not _later(after.ends, before.ends):
        return None
    if step.skipped is not None:
        return _entry(after, skipped=step.skipped)
    if step.now is None or not step.now.live(context.now):
        return _entry(after, skipped="over")
    until = before.ends if before is not None else None
    if until is not None and until <= context.now:
        until = None
    if isinstance(step.now, Block):
        return _lifted(step.now, org, context, until=until)
    if until is None:
        end_grant(org, context, step.now, ended_by="revoked")
        return _entry(after, undone="ended")
    ended_by = before.ended_by if isinstance(before, Grant) else None
    if step.now.kind == "trial" and ended_by is None:
        extend_trial(org, context, step.now, until=until)
    else:
        end_grant(org, context, step.now, ended_by=ended_by or "revoked", at=until)
    return _entry(after, undone="end_moved", until=until)


def _lifted(block: Block, org: Org, context: Context, *, until: datetime | None) -> dict[str, Any]:
    """A block that the batch raised, lifted; one whose end it took away stands up to that end."""
    lift_block(org, context, block)
    if until is None:
        return _entry(block, undone="lifted")
    starts = max(context.now, block.starts)
    raise_block(org, context, block.scope, block.key, block.category, starts=starts, ends=until)
    return _entry(block, undone="end_moved", until=until)


def _given_again(
    step: _Step, org: Org, context: Context, *, taken: Sequence[Grant | Block]
) -> dict[str, Any] | None:
    """What the batch ended, from now until its old end; None where it ended nothing."""
    before, after = step.touched.before, step.touched.after
    if before is None or not _later(before.ends, after.ends):
        return None
    if step.skipped is not None:
        return _entry(before, skipped=step.skipped)
    if not before.live(context.now):
        return _entry(before, skipped="over")
    starts = max(context.now, before.starts, after.ends or context.now)
    if isinstance(before, Block):
        return _raised_again(before, org, context, starts=starts, taken=taken)
    return _granted_again(before, step.now, org, context, starts=starts, taken=taken)


def _granted_again(
    grant: Grant,
    now: Grant | Block | None,
    org: Org,
    context: Context,
    *,
    starts: datetime,
    taken: Sequence[Grant | Block],
) -> dict[str, Any]:
    if isinstance(now, Grant) and now.kind == "trial" and now.live(context.now):
        assert grant.ends is not None
        extend_trial(org, context, now, until=grant.ends)
        return _entry(grant, undone="end_moved", until=grant.ends)
    if any(_meets(grant, entry, since=starts) for entry in taken):
        return _entry(grant, skipped="slot_taken")
    _reopen(grant, org, context, starts=starts)
    return _entry(grant, undone="reopened", starts=_if_later(starts, context), until=grant.ends)


def _raised_again(
    block: Block, org: Org, context: Context, *, starts: datetime, taken: Sequence[Grant | Block]
) -> dict[str, Any]:
    if any(isinstance(entry, Block) and entry.slot == block.slot for entry in taken):
        return _entry(block, skipped="slot_taken")
    raise_block(
        org, context, block.scope, block.key, block.category, starts=starts, ends=block.ends
    )
    return _entry(block, undone="raised", starts=_if_later(starts, context), until=block.ends)


def _reopen(grant: Grant, org: Org, context: Context, *, starts: datetime) -> None:
    if grant.kind == "trial":
        assert grant.ends is not None
        start_trial(org, context, grant.key, starts=starts, ends=grant.ends)
    else:
        source, ref = grant.source, grant.source_ref
        open_grant(org, context, grant.key, source, ref, starts=starts, ends=grant.ends)


def _meets(grant: Grant, other: Grant | Block, *, since: datetime) -> bool:
    """Whether both would stand in one slot at some instant."""
    if not isinstance(other, Grant) or other.slot != grant.slot:
        return False
    return _later(other.ends, since) and _later(grant.ends, other.starts)


def _later(end: datetime | None, other: datetime | None) -> bool:
    """Whether an end comes after another; no end comes last."""
    return other is not None and (end is None or end > other)


def _if_later(starts: datetime, context: Context) -> datetime | None:
    """None for now: a preview must not differ from the next one for that alone."""
    return starts if starts > context.now else None


def _entry(
    of: Grant | Block,
    *,
    undone: Done | None = None,
    skipped: Skipped | None = None,
    starts: datetime | None = None,
    until: datetime | None = None,
) -> dict[str, Any]:
    return {
        "what": "block" if isinstance(of, Block) else "trial" if of.kind == "trial" else "grant",
        "id": of.id,
        "key": of.key,
        "source": of.category if isinstance(of, Block) else of.source,
        "undone": undone,
        "from": iso(starts) if starts else None,
        "until": iso(until) if until else None,
        "skipped": skipped,
    }
