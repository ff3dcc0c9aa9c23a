"""One org: the state its facts add up to, and the only function that adds one to it."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Self, cast

from eventsourcing.domain import BaseAggregate

from domain.actors import Provenance
from domain.catalog import Key
from domain.effective import Lanes, last_ended
from domain.facts import (
    AccessBlocked,
    AccessUnblocked,
    BoundaryCrossed,
    GrantEnded,
    LedgerEvent,
    ModuleGranted,
    OrgEvent,
    OrgRegistered,
    ScheduleCancelled,
    TrialConverted,
    TrialEnding,
    TrialExtended,
    TrialStarted,
    common,
    happened,
)
from domain.ids import OrgId, org_of
from domain.instants import BEGINNING
from domain.lanes import Block, End, Grant, UsedTrial
from domain.openings import blocked, converted, granted, started
from domain.wakes import first_wake, wakes_of

_MOST_WAITING = 16  # grants of a slot that were cut before they began, and may be given back
NEVER = datetime.max.replace(tzinfo=UTC)


class Org(BaseAggregate[str]):
    """Grants and blocks of one org, as of its `version` (the `org_version`; 0: not registered).

    Of the grants that ended in a slot the last one stays, as the reason of a denial, and those that
    were cut before they begin, for as long as that may be cancelled. Boundaries are accounted for
    up to `ticked`: there were none, or a fact says that time passed them. `position` is the place
    of its last fact in the whole ledger, 0 where nobody said. `held_by` is what a newer version
    wrote about it, if any: then it may be read as far as it goes, and no more.
    """

    Event = OrgEvent
    position: int
    held_by = cast("str | None", None)

    @classmethod
    def blank(cls, stream: str) -> Self:
        """The org before its first fact."""
        org = object.__new__(cls)
        org.__base_init__(stream, 0, BEGINNING)
        org.restore(
            name="", grants={}, blocks={}, used_trials={}, ticked=BEGINNING, quiet_until=NEVER
        )
        org.position = 0
        return org

    def restore(
        self,
        *,
        name: str,
        grants: dict[str, Grant],
        blocks: dict[str, Block],
        used_trials: dict[Key, UsedTrial],
        ticked: datetime,
        quiet_until: datetime,
    ) -> None:
        """Take over a state that facts once added up to.

        Args:
            quiet_until: nothing is due after `ticked` and before this, which spares looking
                through everything for each fact.
        """
        self.name = name
        self.grants = grants
        self.blocks = blocks
        self.used_trials = used_trials
        self.ticked = ticked
        self.quiet_until = quiet_until
        self._waker: str | None = None  # what is due at `quiet_until` itself, where that is known

    @property
    def org_id(self) -> OrgId:
        org = org_of(self.id)
        assert org is not None
        return org

    @property
    def registered(self) -> bool:
        return self.version > 0

    @property
    def lanes(self) -> Lanes:
        """Grants and blocks as they stand, arranged for asking."""
        return Lanes.of(self.grants.values(), self.blocks.values())

    def entries(self) -> Iterator[Grant | Block]:
        """Every grant and every block."""
        yield from self.grants.values()
        yield from self.blocks.values()

    @property
    def wake_at(self) -> datetime | None:
        """When something is next to be accounted for, a boundary or a notice; None: never."""
        self._look()
        return None if self._waker is None else self.quiet_until

    def due(self, *, until: datetime) -> list[datetime]:
        """The boundaries and notices up to `until` that are not yet accounted for, ascending."""
        every = {at for entry in self.entries() for at in wakes_of(entry)}
        return sorted(at for at in every if self.ticked < at <= until)

    def record(
        self,
        fact: type[LedgerEvent],
        content: dict[str, Any],
        *,
        now: datetime,
        by: Provenance,
        effective_at: datetime | None = None,
    ) -> None:
        """Let `fact` have happened: state moves on, and the fact waits to be appended."""
        whole = common(now=now, by=by, effective_at=effective_at)
        whole.update(content)
        whole["originator_id"], whole["originator_version"] = self.id, self.version + 1
        new = happened(fact, whole)
        new.mutate(self)
        self.pending_events.append(new)

    def evolve(self, fact: LedgerEvent) -> None:
        """Add one fact to the state. Never decides, never raises, never asks for the time."""
        self._pass(fact.timestamp)
        match fact:
            case OrgRegistered():
                self.name = fact.name
            case ModuleGranted():
                self._open(granted(fact), at=fact.timestamp)
            case TrialStarted():
                self._open(started(fact), at=fact.timestamp)
                self._remember_trial(fact.grant_id)
            case TrialExtended():
                self._change(fact.grant_id, ends=fact.ends_at, ended_by=None, ends_before=())
                self._remember_trial(fact.grant_id)
            case TrialConverted():
                self._change(
                    fact.trial_id, ends=fact.effective_at, ended_by="converted", ends_before=()
                )
                self._remember_trial(fact.trial_id)
                self._open(converted(fact), at=fact.timestamp)
            case GrantEnded():
                self._cut(fact)
                self._recall_trial_of(fact.grant_id)
            case AccessBlocked():
                self._raise(blocked(fact), at=fact.timestamp)
            case AccessUnblocked():
                self._lift(fact.block_id, at=fact.effective_at)
            case ScheduleCancelled():
                self._take_back(fact)
            case BoundaryCrossed() | TrialEnding():
                self.ticked, self._waker = max(self.ticked, fact.boundary), None

    def _pass(self, at: datetime) -> None:
        """Time went on to `at`: with no boundary and no notice between, or one that is now due."""
        known = self._waker in self.grants or self._waker in self.blocks
        if self.quiet_until <= at and self.ticked < at and not known:
            self._look()
        if at < self.quiet_until:
            self.ticked = max(self.ticked, at)

    def _look(self) -> None:
        found = first_wake(self.entries(), after=self.ticked)
        self.quiet_until, self._waker = found or (NEVER, None)

    def _open(self, grant: Grant, *, at: datetime) -> None:
        slot = [g for g in self.grants.values() if g.key == grant.key and g.slot == grant.slot]
        if slot:
            self._forget(slot, at=at)
        self._put(grant)

    def _forget(self, slot: Sequence[Grant], *, at: datetime) -> None:
        """Keep of a slot what is live, the last to end, and what may yet be given back."""
        over = [g for g in slot if g.ends is not None and (g.ends <= at or g.taken_back)]
        waiting = [g for g in slot if not g.begins and g not in over]
        reason = last_ended(over, at)
        for grant in (*over, *waiting[:-_MOST_WAITING]):
            if grant is not reason:
                del self.grants[grant.id]

    def _put(self, entry: Grant | Block) -> None:
        if isinstance(entry, Grant):
            self.grants[entry.id] = entry
        else:
            self.blocks[entry.id] = entry
        if entry.id == self._waker:
            self._waker = None
        first = first_wake((entry,), after=self.ticked)
        if first is not None and first[0] <= self.quiet_until:
            self.quiet_until, self._waker = first

    def _raise(self, block: Block, *, at: datetime) -> None:
        for earlier in [b for b in self.blocks.values() if b.slot == block.slot]:
            if not earlier.live(at):
                del self.blocks[earlier.id]
        self._put(block)

    def _lift(self, block_id: str, *, at: datetime) -> None:
        self.blocks.pop(block_id, None)

    def _change(self, grant_id: str, **terms: Any) -> None:
        if grant_id in self.grants:
            self._put(self.grants[grant_id]._replace(**terms))

    def _cut(self, fact: GrantEnded) -> None:
        grant = self.grants.get(fact.grant_id)
        if grant is not None:
            later = fact.effective_at > fact.timestamp
            before: tuple[End, ...] = (*grant.ends_before, (grant.ends, grant.ended_by))
            self._change(
                grant.id,
                ends=fact.effective_at,
                ended_by=fact.ended_by,
                ends_before=before if later else (),
            )

    def _take_back(self, fact: ScheduleCancelled) -> None:
        if fact.block_id in self.blocks:
            block = self.blocks[fact.block_id]._replace(starts=fact.starts, ends=fact.ends)
            self._put(block._replace(cancelled_end=_cancelled_end(fact)))
        grant = self.grants.get(fact.grant_id or "")
        if grant is None:
            return
        self._change(
            grant.id,
            starts=fact.starts,
            ends=fact.ends,
            ended_by=fact.ended_by,
            ends_before=_later_than(fact.ends, grant.ends_before),
            cancelled_end=_cancelled_end(fact) or grant.cancelled_end,
        )
        self._recall_trial_of(grant.id)

    def _recall_trial_of(self, grant_id: str) -> None:
        grant = self.grants.get(grant_id)
        if grant is not None and grant.kind == "trial":
            self._recall_trial(grant.key)

    def _recall_trial(self, key: Key) -> None:
        """The trial of `key` that began last is the used one; one that never will is none."""
        self.used_trials.pop(key, None)
        trials = [g for g in self.grants.values() if g.key == key and g.kind == "trial"]
        for trial in sorted((t for t in trials if t.begins), key=lambda trial: trial.starts):
            self._remember_trial(trial.id)

    def _remember_trial(self, grant_id: str) -> None:
        trial = self.grants.get(grant_id)
        if trial is not None and trial.kind == "trial" and trial.ends is not None:
            self.used_trials[trial.key] = UsedTrial(
                grant_id=trial.id, starts=trial.starts, ends=trial.ends
            )


def rebuild(org: Org, facts: Iterable[LedgerEvent]) -> Org:
    """`org` after `facts`, which follow its version without a gap."""
    for fact in facts:
        fact.mutate(org)
    return org


def _cancelled_end(fact: ScheduleCancelled) -> datetime | None:
    return fact.cancelled if fact.edge == "ends" else None


def _later_than(end: datetime | None, ends: Iterable[End]) -> tuple[End, ...]:
    return tuple((at, by) for at, by in ends if end is not None and (at is None or at > end))
