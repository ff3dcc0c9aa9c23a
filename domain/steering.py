"""Changing the rollout: each command as data with the function that decides it."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from domain.actors import Provenance
from domain.catalog import Catalog, Key
from domain.evidence import Evidence
from domain.gating import EVERYBODY, Mode
from domain.ids import OrgId
from domain.phases import BY_KEY, ROLES, Step, following
from domain.refusals import Contradicted, NotPermitted, Unacceptable
from domain.rollout import Rollout
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

MOST_ORGS = 1_000  # in one command


class InvalidShare(Unacceptable):
    """A percentage that is none."""

    code = "invalid_percentage"

    def __init__(self, percent: str) -> None:
        super().__init__(
            f"'{percent}' is no percentage from 0 to 100 with at most two decimals.",
            percent=percent,
        )


class InvalidStep(Unacceptable):
    """A step or a role that the plan does not have."""

    code = "invalid_step"

    def __init__(self, what: str, named: str, *, known: Sequence[str]) -> None:
        super().__init__(
            f"The plan has no {what} '{named}'; it has {', '.join(known)}.",
            named=named,
            known=list(known),
        )


class TooManyOrgs(Unacceptable):
    """More orgs than one command takes, or none."""

    code = "orgs_out_of_range"

    def __init__(self, count: int) -> None:
        super().__init__(f"Name 1 to {MOST_ORGS} organisations; these are {count}.", count=count)


class PromotionRefused(Contradicted):
    """The evidence speaks against enforcing for more orgs."""

    code = "promotion_refused"
    hint = "Find out what is denied wrongly (readiness names it); override goes on, on record."

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems), problems=list(problems))


class SignOffMissing(Contradicted):
    """A step may not begin before all five roles agreed."""

    code = "sign_off_missing"
    hint = "Each of them signs with 'entitlements rollout sign-off'; then advance again."

    def __init__(self, step: str, *, missing: Sequence[str]) -> None:
        super().__init__(
            f"Step {step} lacks the sign-off of {', '.join(missing)}.",
            step=step,
            missing=list(missing),
        )


class PlanFinished(Contradicted):
    """There is no step after the last."""

    code = "plan_finished"

    def __init__(self) -> None:
        super().__init__("The rollout is in its last step.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SteeringContext:
    """When a command is judged, on whose word, and what speaks for and against it."""

    now: datetime
    by: Provenance
    catalog: Catalog
    evidence: Evidence = field(default_factory=Evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Steered:
    """What commands on the rollout came to: topics of the facts, and their positions.

    `rollout` is as it stands after them; for a repeat, as it stands now.
    """

    version: int
    facts: tuple[str, ...]
    rollout: Rollout
    positions: tuple[int, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.facts)

    def at(self, first_position: int | None) -> Self:
        """The same, appended from that position on."""
        if first_position is None:
            return self
        return replace(
            self, positions=tuple(range(first_position, first_position + len(self.facts)))
        )


class Steer(ABC):
    """Something an actor asks of the rollout."""

    @abstractmethod
    def decide(self, rollout: Rollout, context: SteeringContext) -> None:
        """Record on `rollout` what follows, or nothing when nothing would change.

        Raises:
            Refusal: it cannot be done; what was recorded until then must be thrown away.
        """


def _record(
    rollout: Rollout, context: SteeringContext, fact: type[RolloutEvent], **content: Any
) -> None:
    rollout.record(fact, now=context.now, by=context.by, **content)


@dataclass(frozen=True, slots=True)
class Kill(Steer):
    """Gate nothing any more."""

    def decide(self, rollout: Rollout, context: SteeringContext) -> None:
        if not rollout.rules.killed:
            _record(rollout, context, GatingKilled)


@dataclass(frozen=True, slots=True)
class Resume(Steer):
    """Gate again, as the other rules say."""

    def decide(self, rollout: Rollout, context: SteeringContext) -> None:
        if rollout.rules.killed:
            _record(rollout, context, GatingResumed)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetShare(Steer):
    """Enforce for so many hundredths of a percent; going up needs the evidence on its side.

    Raises:
        InvalidShare, PromotionRefused.
        NotPermitted: only a super admin goes on against the evidence.
    """

    share: int
    override: bool = False

    def decide(self, rollout: Rollout, context: SteeringContext) -> None:
        if not 0 <= self.share <= EVERYBODY:
            raise InvalidShare(f"{self.share / 100:g}")
        previous = rollout.rules.share
        if self.share == previous:
            return
        problems = _against(context, override=self.override) if self.share > previous else []
        _record(rollout, context, ShareSet, share=self.share, previous=previous, overrode=problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDefault(Steer):
    """Put the orgs that no other rule names into a mode; enforcing needs the evidence on its side.

    Raises:
        PromotionRefused.
        NotPermitted: only a super admin goes on against the evidence.
    """

    mode: Mode
    override: bool = False

    def decide(self, rollout: Rollout, context: SteeringContext) -> None:
        previous = rollout.rules.default
        if self.mode != previous:
            if self.mode == "enforce":
                _against(context, override=self.override)
            _record(rollout, context, DefaultModeSet, mode=self.mode, previous=previous)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExemptModule(Steer):
    """Stop, or begin again, to gate a module."""

    key: Key
    exempt: bool = True

    def decide(self, rollout: Rollout, context: SteeringContext) -> None:
        key = context.catalog.resolve_module(self.key)
        if (key in rollout.rules.exempt_modules) != self.exempt:
            fact = ModuleExempted if self.exempt else ModuleExemptionEnded
            _record(rollout, context, fact, key=key)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExemptOrgs(Steer):
    """Stop, or begin again, to gate some orgs."""

    orgs: Collection[OrgId]
    exempt: bool = True

    def decide(self, rollout: Rollout, context: SteeringContext) -> None:
        exempted = rollout.rules.exempt_orgs
        orgs = [org for org in _some(self.orgs) if (org in exempted) != self.exempt]
        if orgs:
            fact = OrgsExempted if self.exempt else OrgsExemptionEnded
            _record(rollout, context, fact, orgs=orgs)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceOrgs(Steer):
    """Put some orgs into a mode whatever the percentage; without a mode, release them."""

    orgs: Collection[OrgId] = ()
    mode: Mode | None = "enforce"
    tag: str | None = None

    def decide(self, rollout: Rollout, context: SteeringContext) -> None:
        orgs = self.orgs
        if not orgs and self.tag is not None:
            orgs = rollout.tags.get(self.tag, frozenset())
        forced, tagged = rollout.rules.forced_orgs, rollout.tags.get(self.tag or "", frozenset())
        changing = [
            org
            for org in _some(orgs)
            if forced.get(org) != self.mode
            or (self.mode is not None and self.tag is not None and org not in tagged)
        ]
        if changing and self.mode is None:
            _record(rollout, context, OrgsReleased, orgs=changing)
        elif changing:
            _record(rollout, context, OrgsForced, orgs=changing, mode=self.mode, tag=self.tag)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOff(Steer):
    """Agree, in one of the five roles, that a step may begin."""

    step: str
    role: str

    def decide(self, rollout: Rollout, context: SteeringContext) -> None:
        if self.step not in BY_KEY:
            raise InvalidStep("step", self.step, known=list(BY_KEY))
        if self.role not in ROLES:
            raise InvalidStep("role", self.role, known=ROLES)
        if self.role not in rollout.signed_off.get(self.step, frozenset()):
            _record(rollout, context, StepSignedOff, step=self.step, role=self.role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance(Steer):
    """Enter the plan's next step, with all five sign-offs and what it sets.

    Raises:
        PlanFinished, SignOffMissing, PromotionRefused.
    """

    override: bool = False

    def decide(self, rollout: Rollout, context: SteeringContext) -> None:
        step = following(rollout.step)
        if step is None:
            raise PlanFinished
        agreed = rollout.signed_off.get(step.key, frozenset())
        missing = [role for role in ROLES if role not in agreed]
        if missing and not self.override:
            raise SignOffMissing(step.key, missing=missing)
        if missing and not context.by.actor.may_override:
            raise NotPermitted("Only a super admin may go on without the sign-offs.")
        overrode = [f"sign-off of {role}" for role in missing]
        entered: Mapping[str, Any] = {"step": step.key, "previous": rollout.step}
        _record(rollout, context, StepEntered, **entered, overrode=overrode)
        self._apply(step, rollout, context)

    def _apply(self, step: Step, rollout: Rollout, context: SteeringContext) -> None:
        if step.default is not None:
            SetDefault(mode=step.default, override=self.override).decide(rollout, context)
        if step.share is not None:
            SetShare(share=step.share, override=self.override).decide(rollout, context)


def _against(context: SteeringContext, *, override: bool) -> list[str]:
    """What speaks against enforcing for more, where a super admin goes on all the same."""
    problems = context.evidence.against()
    if problems and not override:
        raise PromotionRefused(problems)
    if problems and not context.by.actor.may_override:
        raise NotPermitted("Only a super admin may go on against the evidence.")
    return problems


def _some(orgs: Collection[OrgId]) -> list[OrgId]:
    if not 1 <= len(orgs) <= MOST_ORGS:
        raise TooManyOrgs(len(orgs))
    return sorted(set(orgs))
