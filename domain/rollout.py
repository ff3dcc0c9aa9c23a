"""The rollout: the rules and the plan's progress that its facts add up to."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Self

from eventsourcing.domain import BaseAggregate

from domain.actors import Provenance
from domain.catalog import Key
from domain.facts import LedgerEvent, common
from domain.gating import Gating, Mode
from domain.ids import ROLLOUT_STREAM, OrgId
from domain.instants import BEGINNING
from domain.phases import FIRST
from domain.rollout_facts import (
    DefaultModeSet,
    GatingKilled,
    GatingResumed,
    ModuleExempted,
    ModuleExemptionEnded,
    OrgsExempted,
    OrgsExemptionEnded,
    OrgsForced,
    OrgsReleased,
    RolloutEvent,
    ShareSet,
    StepEntered,
    StepSignedOff,
)


class Rollout(BaseAggregate[str]):
    """As of its `version`, the place of its last fact in the stream (0: nothing was begun).

    `tags` are cohorts by name; `signed_off` are the roles that agreed, by step.
    """

    Event = RolloutEvent

    @classmethod
    def blank(cls) -> Self:
        """Before the first fact: everything is enforced for everybody."""
        rollout = object.__new__(cls)
        rollout.__base_init__(ROLLOUT_STREAM, 0, BEGINNING)
        rollout.rules = Gating()
        rollout.step = FIRST.key
        rollout.signed_off = {}
        rollout.tags = {}
        return rollout

    rules: Gating
    step: str
    signed_off: dict[str, frozenset[str]]
    tags: dict[str, frozenset[OrgId]]

    @property
    def gating(self) -> Gating:
        """The rules, with the version they are of."""
        return replace(self.rules, version=self.version)

    def record(
        self, fact: type[LedgerEvent], *, now: datetime, by: Provenance, **content: Any
    ) -> None:
        """Let `fact` have happened: state moves on, and the fact waits to be appended."""
        self.trigger_event(fact, **common(now=now, by=by, effective_at=now), **content)

    def evolve(self, fact: LedgerEvent) -> None:
        """Add one fact to the state. Never decides, never raises, never asks for the time."""
        match fact:
            case GatingKilled():
                self.rules = replace(self.rules, killed=True)
            case GatingResumed():
                self.rules = replace(self.rules, killed=False)
            case ShareSet():
                self.rules = replace(self.rules, share=fact.share)
            case DefaultModeSet():
                self.rules = replace(self.rules, default=fact.mode)
            case ModuleExempted():
                self._exempt_modules(self.rules.exempt_modules | {fact.key})
            case ModuleExemptionEnded():
                self._exempt_modules(self.rules.exempt_modules - {fact.key})
            case OrgsExempted():
                self._exempt_orgs(self.rules.exempt_orgs | set(fact.orgs))
            case OrgsExemptionEnded():
                self._exempt_orgs(self.rules.exempt_orgs - set(fact.orgs))
            case OrgsForced():
                self._force(fact.orgs, fact.mode, fact.tag)
            case OrgsReleased():
                self._release(fact.orgs)
            case StepSignedOff():
                agreed = self.signed_off.get(fact.step, frozenset())
                self.signed_off[fact.step] = agreed | {fact.role}
            case StepEntered():
                self.step = fact.step

    def _exempt_modules(self, keys: Iterable[Key]) -> None:
        self.rules = replace(self.rules, exempt_modules=frozenset(keys))

    def _exempt_orgs(self, orgs: Iterable[OrgId]) -> None:
        self.rules = replace(self.rules, exempt_orgs=frozenset(orgs))

    def _force(self, orgs: Collection[OrgId], mode: Mode, tag: str | None) -> None:
        forced = {**self.rules.forced_orgs, **dict.fromkeys(orgs, mode)}
        self.rules = replace(self.rules, forced_orgs=forced)
        if tag is not None:
            self.tags[tag] = self.tags.get(tag, frozenset()) | set(orgs)

    def _release(self, orgs: Collection[OrgId]) -> None:
        forced = {org: mode for org, mode in self.rules.forced_orgs.items() if org not in orgs}
        self.rules = replace(self.rules, forced_orgs=forced)
        self.tags = {
            tag: members - set(orgs) for tag, members in self.tags.items() if members - set(orgs)
        }


def rebuilt(facts: Iterable[LedgerEvent]) -> Rollout:
    """The rollout that these facts, the first of the stream onward, add up to."""
    rollout = Rollout.blank()
    for fact in facts:
        fact.mutate(rollout)
    return rollout
