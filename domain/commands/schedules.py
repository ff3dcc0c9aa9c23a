"""Taking back what was scheduled, for as long as its instant has not come."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.catalog import Catalog, Key
from domain.commands.base import Command, Context, in_slot
from domain.facts import ScheduleCancelled
from domain.instants import iso
from domain.lanes import Block, End, EndedBy, Grant, Slot
from domain.org import Org
from domain.refusals import Absent, Contradicted
from domain.schedule import Change, cancelled_changes, changes, end_without


class UnknownChange(Absent):
    """No such change is scheduled, was, or is remembered."""

    code = "unknown_change"
    hint = "'pending' lists the changes that are scheduled; one that was moved has another id."

    def __init__(self, change_id: str) -> None:
        super().__init__(f"This organisation has no change '{change_id}'.", change_id=change_id)


class AlreadyEffective(Contradicted):
    """The instant of a change has come."""

    code = "already_effective"
    hint = "It can no longer be cancelled; grant, revoke, block or unblock from now on instead."

    def __init__(self, change: Change) -> None:
        super().__init__(
            f"The change took effect at {iso(change.at)}.",
            change_id=change.id,
            kind=change.kind,
            at=iso(change.at),
        )


class NotCancellable(Contradicted):
    """The change cannot be taken back by itself; the hint says what to do instead."""

    code = "not_cancellable"

    def __init__(self, change: Change, *, message: str, hint: str) -> None:
        super().__init__(message, change_id=change.id, kind=change.kind, at=iso(change.at))
        self.hint = hint


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelScheduled(Command):
    """Let a scheduled start not come, or a scheduled end: then the end it had before holds.

    What was cancelled before, or never begins anyway, changes nothing. Cancelling the start of a
    grant that was to take over from others lets those go on as if it had never been granted, and
    cancelling an end takes back all that the same command cut short in the slot.

    Raises:
        UnknownChange: there is none of that id.
        AlreadyEffective: its instant has come.
        NotCancellable: a trial's own end, or the end of a grant that another takes over from.
    """

    change_id: str

    def keys(self, org: Org, catalog: Catalog) -> Iterable[Key]:
        found = self._find(changes(org.entries()))
        return (found.entry.key,) if found is not None and found.entry.key is not None else ()

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        change = self._find(changes(org.entries()))
        if change is None:
            if self._find(cancelled_changes(org.entries())) is None:
                raise UnknownChange(self.change_id)
            return ()
        if change.at <= context.now:
            raise AlreadyEffective(change)
        if not change.cancellable:
            raise _refused(org, context, change)
        match change.entry:
            case Block() as block:
                _cancel_of_block(org, context, block, change)
            case Grant() as grant if change.edge == "starts":
                _cancel_start(org, context, grant)
            case Grant() as grant:
                _cancel_end(org, context, grant)
        return ()

    def _find(self, among: Iterable[Change]) -> Change | None:
        return next((change for change in among if change.id == self.change_id), None)


def _cancel_of_block(org: Org, context: Context, block: Block, change: Change) -> None:
    context.record(
        org,
        ScheduleCancelled,
        grant_id=None,
        block_id=block.id,
        scope=block.scope,
        key=block.key,
        category=block.category,
        source=None,
        source_ref=None,
        edge=change.edge,
        cancelled=change.at,
        starts=block.starts,
        ends=block.starts if change.edge == "starts" else None,
        ended_by=None,
    )


def _cancel_start(org: Org, context: Context, grant: Grant) -> None:
    cut = _cut_at(org, grant.slot, at=grant.starts, by="superseded")
    gave_way = [g for g in cut if _gave_way_to(org, g) == grant]
    _record(org, context, grant, starts=True, end=(grant.starts, "cancelled"))
    _give_back(org, context, gave_way)


def _cancel_end(org: Org, context: Context, grant: Grant) -> None:
    assert grant.ends is not None
    alone = grant.ended_by is None
    cut = [grant] if alone else _cut_at(org, grant.slot, at=grant.ends, by=grant.ended_by)
    _give_back(org, context, cut)


def _cut_at(org: Org, slot: Slot, *, at: datetime, by: EndedBy | None) -> list[Grant]:
    """The grants of a slot that one command cut short, those too that now never begin."""
    return [
        grant
        for grant in org.grants.values()
        if grant.slot == slot and (grant.ends, grant.ended_by) == (at, by) and grant.ends_before
    ]


def _give_back(org: Org, context: Context, cut: Sequence[Grant]) -> None:
    """Let each have the end it had before; the last granted first, to which others give way."""
    for grant in reversed(cut):
        later = _granted_after(org, grant)
        _record(org, context, grant, starts=False, end=end_without(grant, later))


def _gave_way_to(org: Org, grant: Grant) -> Grant | None:
    return next((g for g in _granted_after(org, grant) if g.starts == grant.ends), None)


def _granted_after(org: Org, grant: Grant) -> list[Grant]:
    slot = [g for g in org.grants.values() if g.slot == grant.slot]
    return slot[[g.id for g in slot].index(grant.id) + 1 :]


def _record(org: Org, context: Context, grant: Grant, *, starts: bool, end: End) -> None:
    cancelled: datetime | None = grant.starts if starts else grant.ends
    context.record(
        org,
        ScheduleCancelled,
        grant_id=grant.id,
        block_id=None,
        scope=None,
        key=grant.key,
        category=None,
        source=grant.source,
        source_ref=grant.source_ref,
        edge="starts" if starts else "ends",
        cancelled=cancelled,
        starts=grant.starts,
        ends=end[0],
        ended_by=end[1],
    )


def _refused(org: Org, context: Context, change: Change) -> NotCancellable:
    grant = change.entry
    assert isinstance(grant, Grant)
    if grant.ended_by is None:
        return NotCancellable(
            change,
            message=f"The trial of '{grant.key}' always has an end: {iso(change.at)}.",
            hint="Move it with extend-trial, or make it a full grant with convert-trial.",
        )
    following = [g for g in in_slot(org, grant.slot, at=context.now) if g.starts == grant.ends]
    starts = [Change(entry=g, edge="starts", at=g.starts).id for g in following]
    hint = f"Cancel the start of that one: {starts[0]}." if starts else "Grant it anew."
    return NotCancellable(
        change,
        message=f"'{grant.key}' ends at {iso(change.at)} because another grant takes over.",
        hint=hint,
    )
