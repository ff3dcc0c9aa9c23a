"""One org: the state its facts add up to, and the only function that adds one to it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Self, cast

from eventsourcing.domain import BaseAggregate

from domain.actors import Provenance
from domain.catalog import Key
from domain.effective import Lanes, last_ended
from domain.facts import (
    AccessBlocked,
    AccessUnblocked,
    GrantEnded,
    LedgerEvent,
    ModuleGranted,
    OrgEvent,
    OrgRegistered,
    TrialConverted,
    TrialExtended,
    TrialStarted,
    common,
    happened,
)
from domain.ids import OrgId, org_of
from domain.instants import BEGINNING
from domain.lanes import TRIAL_SOURCE, Block, Grant, UsedTrial


class Org(BaseAggregate[str]):
    """Grants and blocks of one org, as of its `version` (the `org_version`; 0: not registered).

    Of the grants that ended in a slot the last one stays, as the reason of a denial. `held_by` is
    what a newer version wrote about it, if any: then it may be read as far as it goes, and no more.
    """

    Event = OrgEvent
    held_by = cast("str | None", None)

    @classmethod
    def blank(cls, stream: str) -> Self:
        """The org before its first fact."""
        org = object.__new__(cls)
        org.__base_init__(stream, 0, BEGINNING)
        org.restore(name="", grants={}, blocks={}, used_trials={})
        return org

    def restore(
        self,
        *,
        name: str,
        grants: dict[str, Grant],
        blocks: dict[str, Block],
        used_trials: dict[Key, UsedTrial],
    ) -> None:
        """Take over a state that facts once added up to."""
        self.name = name
        self.grants = grants
        self.blocks = blocks
        self.used_trials = used_trials

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

    def record(
        self,
        fact: type[LedgerEvent],
        *,
        now: datetime,
        by: Provenance,
        effective_at: datetime | None = None,
        **content: Any,
    ) -> None:
        """Let `fact` have happened: state moves on, and the fact waits to be appended."""
        content |= common(now=now, by=by, effective_at=effective_at)
        content |= {"originator_id": self.id, "originator_version": self.version + 1}
        new = happened(fact, content)
        new.mutate(self)
        self.pending_events.append(new)

    def evolve(self, fact: LedgerEvent) -> None:
        """Add one fact to the state. Never decides, never raises, never asks for the time."""
        match fact:
            case OrgRegistered():
                self.name = fact.name
            case ModuleGranted():
                self._open(_granted(fact), at=fact.timestamp)
            case TrialStarted():
                self._open(_started(fact), at=fact.timestamp)
                self._remember_trial(fact.grant_id)
            case TrialExtended():
                self._change(fact.grant_id, ends=fact.ends_at, ended_by=None)
                self._remember_trial(fact.grant_id)
            case TrialConverted():
                self._change(fact.trial_id, ends=fact.effective_at, ended_by="converted")
                self._remember_trial(fact.trial_id)
                self._open(_converted(fact), at=fact.timestamp)
            case GrantEnded():
                self._change(fact.grant_id, ends=fact.effective_at, ended_by=fact.ended_by)
                self._remember_trial(fact.grant_id)
            case AccessBlocked():
                self._raise(_blocked(fact), at=fact.timestamp)
            case AccessUnblocked():
                self._lift(fact.block_id, at=fact.effective_at)

    def _open(self, grant: Grant, *, at: datetime) -> None:
        ended = [
            g
            for g in self.grants.values()
            if g.key == grant.key and g.slot == grant.slot and not g.live(at)
        ]
        reason = last_ended(ended, at) if ended else None
        for earlier in ended:
            if earlier is not reason:
                del self.grants[earlier.id]
        self.grants[grant.id] = grant

    def _raise(self, block: Block, *, at: datetime) -> None:
        for earlier in [b for b in self.blocks.values() if b.slot == block.slot]:
            if not earlier.live(at):
                del self.blocks[earlier.id]
        self.blocks[block.id] = block

    def _lift(self, block_id: str, *, at: datetime) -> None:
        self.blocks.pop(block_id, None)

    def _change(self, grant_id: str, **terms: Any) -> None:
        if grant_id in self.grants:
            self.grants[grant_id] = replace(self.grants[grant_id], **terms)

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


def _granted(fact: ModuleGranted) -> Grant:
    return Grant(
        id=fact.grant_id,
        key=fact.key,
        kind="full",
        source=fact.source,
        source_ref=fact.source_ref,
        starts=fact.starts,
        ends=fact.ends,
    )


def _started(fact: TrialStarted) -> Grant:
    return Grant(
        id=fact.grant_id,
        key=fact.key,
        kind="trial",
        source=TRIAL_SOURCE,
        source_ref=fact.source_ref,
        starts=fact.starts,
        ends=fact.ends_at,
    )


def _converted(fact: TrialConverted) -> Grant:
    return Grant(
        id=fact.grant_id,
        key=fact.key,
        kind="full",
        source=fact.source,
        source_ref=fact.source_ref,
        starts=fact.effective_at,
        ends=None,
    )


def _blocked(fact: AccessBlocked) -> Block:
    return Block(
        id=fact.block_id,
        scope=fact.scope,
        key=fact.key,
        category=fact.category,
        starts=fact.starts,
        ends=fact.ends,
    )
