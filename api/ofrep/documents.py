"""Bodies of OFREP, as its own document names them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Evaluation(BaseModel):
    """Whom flags are evaluated for: `targetingKey` is the org, or a user of `org_id`."""

    model_config = ConfigDict(extra="ignore")

    context: dict[str, Any] | None = Field(
        default=None, examples=[{"targetingKey": "42"}, {"targetingKey": "ada", "org_id": 42}]
    )


class Flag(BaseModel):
    """A key of the catalog, judged."""

    key: str
    value: bool
    reason: Literal["STATIC", "TARGETING_MATCH", "DISABLED"]
    variant: Literal["enabled", "trial", "disabled", "trial_expired", "always_on", "bypass"]
    metadata: dict[str, bool | int | str]


class EventStream(BaseModel):
    """Where a browser hears that it should ask again; the URL is good for a while."""

    type: Literal["sse"]
    url: str
    inactivityDelaySec: int  # noqa: N815 - the protocol's name


class Flags(BaseModel):
    """Every key of the catalog, judged at one instant."""

    flags: list[Flag]
    eventStreams: list[EventStream]  # noqa: N815 - the protocol's name
    metadata: dict[str, bool | int | str]


class Failure(BaseModel):
    """What went wrong; `key` where the question was about one."""

    key: str | None = None
    errorCode: str  # noqa: N815 - the protocol's name
    errorDetails: str  # noqa: N815 - the protocol's name
