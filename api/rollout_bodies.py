"""The bodies that change the rollout, and what they ask for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.catalog import Key
from domain.gating import Mode
from domain.ids import OrgId, org_id
from domain.steering import (
    Advance,
    ExemptModule,
    ExemptOrgs,
    ForceOrgs,
    InvalidShare,
    Kill,
    Resume,
    SetDefault,
    SetShare,
    SignOff,
    Steer,
)

Percent = Annotated[
    float, Field(ge=0, le=100, description="of the orgs, with at most two decimals")
]
Override = Annotated[
    bool, Field(description="go on although thresholds or sign-offs say no; that is recorded")
]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Named = Annotated[list[int | Name], Field(min_length=1, max_length=1_000)]


def share_of(percent: float) -> int:
    """Hundredths of a percent.

    Raises:
        InvalidShare: it has more than two decimals.
    """
    share = round(percent * 100)
    if abs(share - percent * 100) > 1e-6:
        raise InvalidShare(f"{percent:g}")
    return share


class RolloutBody(BaseModel):
    """What every change of the rollout takes beside its own fields."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(description="why, in 10 to 500 characters")
    ticket: str | None = Field(default=None, description="a reference to where it was agreed")
    dry_run: bool = Field(default=False, description="answer what would happen, change nothing")

    def commands(self) -> Sequence[Steer]:
        """What the body asks for."""
        raise NotImplementedError


class KillBody(RolloutBody):
    """Gate nothing any more, anywhere, within seconds."""

    def commands(self) -> Sequence[Steer]:
        return [Kill()]


class ResumeGatingBody(RolloutBody):
    """Gate again, as the other rules say."""

    def commands(self) -> Sequence[Steer]:
        return [Resume()]


class PercentageBody(RolloutBody):
    """Enforce for a percentage of the orgs: always the same ones first."""

    percent: Percent
    override: Override = False

    def commands(self) -> Sequence[Steer]:
        return [SetShare(share=share_of(self.percent), override=self.override)]


class ExemptOrgBody(RolloutBody):
    """Gate nothing for some orgs, or gate them again."""

    orgs: Named
    exempt: bool = True

    def commands(self) -> Sequence[Steer]:
        return [ExemptOrgs(orgs=_orgs(self.orgs), exempt=self.exempt)]


class ExemptModuleBody(RolloutBody):
    """Stop to gate a module for everybody, or gate it again."""

    key: Name
    exempt: bool = True

    def commands(self) -> Sequence[Steer]:
        return [ExemptModule(key=Key(self.key), exempt=self.exempt)]


class ForceOrgBody(RolloutBody):
    """Put some orgs into a mode whatever the percentage; mode null releases them.

    A `tag` names the orgs as a cohort; without orgs it stands for those it named before.
    """

    orgs: Annotated[list[int | Name], Field(max_length=1_000)] = []
    mode: Mode | None = "enforce"
    tag: Annotated[str | None, Field(pattern=r"^[a-z0-9][a-z0-9_.\-]{0,63}$")] = None

    def commands(self) -> Sequence[Steer]:
        return [ForceOrgs(orgs=_orgs(self.orgs), mode=self.mode, tag=self.tag)]


class AdvanceBody(RolloutBody):
    """Enter the plan's next step."""

    override: Override = False

    def commands(self) -> Sequence[Steer]:
        return [Advance(override=self.override)]


class SignOffBody(RolloutBody):
    """Agree, in one of the five roles, that a step may begin."""

    step: Name
    role: Name

    def commands(self) -> Sequence[Steer]:
        return [SignOff(step=self.step, role=self.role)]


class RolloutUpdate(RolloutBody):
    """Several rules at once, all or none; what is not named stays as it is."""

    percent: Percent | None = None
    default: Mode | None = None
    killed: bool | None = None
    override: Override = False

    def commands(self) -> Sequence[Steer]:
        wanted: list[Steer] = []
        if self.killed is not None:
            wanted.append(Kill() if self.killed else Resume())
        if self.default is not None:
            wanted.append(SetDefault(mode=self.default, override=self.override))
        if self.percent is not None:
            wanted.append(SetShare(share=share_of(self.percent), override=self.override))
        return wanted


class RollbackBody(RolloutBody):
    """Take gating back for everybody, for some orgs, or for one module."""

    scope: Literal["all", "org", "module"]
    orgs: Annotated[list[int | Name], Field(max_length=1_000)] = []
    key: Name | None = None

    def commands(self) -> Sequence[Steer]:
        return rollback(self.scope, orgs=_orgs(self.orgs), key=self.key)


class Alert(BaseModel):
    """One alert of Alertmanager's webhook; the labels say what to roll back.

    `rollback: all|org|module`, with `org` or `module` beside it. An alert without the label, or
    one that is resolved, rolls nothing back.
    """

    model_config = ConfigDict(extra="ignore")

    status: str
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    fingerprint: str = ""
    starts_at: datetime | None = Field(default=None, alias="startsAt")

    @property
    def name(self) -> str:
        """The name of its rule."""
        return self.labels.get("alertname", "unnamed")

    def commands(self) -> Sequence[Steer]:
        """What it rolls back."""
        scope = self.labels.get("rollback")
        if self.status != "firing" or scope not in ("all", "org", "module"):
            return []
        org, module = self.labels.get("org"), self.labels.get("module")
        return rollback(scope, orgs=_orgs([org] if org else []), key=module)


class AlertmanagerBody(BaseModel):
    """Alertmanager's webhook body, version 4."""

    model_config = ConfigDict(extra="ignore")

    version: Literal["4"]
    alerts: Annotated[list[Alert], Field(max_length=200)]


def rollback(scope: str, *, orgs: Sequence[OrgId], key: str | None) -> list[Steer]:
    """The commands that take gating back in a scope."""
    if scope == "all":
        return [Kill()]
    if scope == "org":
        return [ExemptOrgs(orgs=orgs)]
    return [ExemptModule(key=Key(key or ""))]


def _orgs(named: Sequence[int | str]) -> list[OrgId]:
    return [org_id(org) for org in named]
