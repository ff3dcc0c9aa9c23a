"""The answer of readiness as OpenAPI shows it."""

from pydantic import BaseModel


class Latency(BaseModel):
    """Mean seconds of an answer to `/check`, now and before any enforcement; null: too few."""

    seconds: float | None
    baseline_seconds: float | None
    ratio: float | None
    most_ratio: float


class LosingKey(BaseModel):
    """A key that an org uses and would be denied; `legacy`: its legacy flag allows it."""

    key: str
    denied_by: str
    legacy: bool | None
    uses: int
    last_use: str


class LosingOrg(BaseModel):
    """An org that would newly be denied something it uses."""

    org_id: int | str
    name: str
    keys: list[LosingKey]


class ReadinessPage(BaseModel):
    """Whether a promotion would go through, and a page of the orgs it would deny.

    `checks` of the last day were gated or watched since the present percentage was set; of them
    `unexpected_denials` contradict the legacy flags. `next` is what `after` must be for more.
    """

    percent: float
    present_percent: float
    ready: bool
    problems: list[str]
    checks: int
    unexpected_denials: int
    unexpected_rate: float | None
    most_unexpected_rate: float
    latency: Latency
    newly_denied: list[LosingOrg]
    next: str | None
