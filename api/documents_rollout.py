"""The rollout's answers as OpenAPI shows them."""

from typing import Any

from pydantic import BaseModel

from api.documents import Event


class ForcedOrg(BaseModel):
    """An org whose mode does not follow the percentage."""

    org_id: int | str
    mode: str


class PlanStep(BaseModel):
    """One step of the plan; `usual_hours` is what it usually takes, and is never enforced."""

    key: str
    title: str
    percent: float | None
    default: str | None
    usual_hours: tuple[int, int] | None
    goals: list[str]
    tasks: list[str]
    success_criteria: list[str]
    rollback_triggers: list[str]
    signed_off: list[str]


class Here(BaseModel):
    """What the answering process goes by; `problem` says why it is not the newest, if so."""

    rollout_version: int
    killed: bool
    killed_here: bool
    problem: str | None


class RolloutState(BaseModel):
    """The rules in force and the plan's progress. `ETag` is the rollout's version."""

    rollout_version: int
    killed: bool
    percent: float
    default: str
    exempt_modules: list[str]
    exempt_orgs: list[int | str]
    forced_orgs: list[ForcedOrg]
    tags: dict[str, int]
    step: str
    next_step: str | None
    missing_sign_offs: list[str]
    here: Here
    steps: list[PlanStep]


class Changed(BaseModel):
    """What a change of the rollout came to."""

    changed: bool
    rollout_version: int
    facts: list[str]
    positions: list[int]
    rollout: RolloutState
    dry_run: bool | None = None


class RolledBack(BaseModel):
    """What each alert rolled back.

    `changed` false: it was rolled back before, asks nothing, or was `refused`, with the reason.
    """

    rolled_back: list[dict[str, Any]]
    rollout_version: int


class Ruled(BaseModel):
    """How an org and a module were decided, and by which rule."""

    org_id: int | str
    module: str | None
    mode: str
    rule: str
    rollout_version: int


class RolloutHistory(BaseModel):
    """Every change, newest first; with an org and a module, how they were decided at `known_at`."""

    known_at: str
    ruling: Ruled | None
    events: list[Event]


class CohortMember(BaseModel):
    """One org of a cohort."""

    org_id: int | str
    name: str


class Cohort(BaseModel):
    """A page of a cohort; `next` is what `after` must be for the following one."""

    percent: float | None
    tag: str | None
    orgs: list[CohortMember]
    next: str | None
