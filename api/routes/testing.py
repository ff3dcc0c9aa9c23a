"""The test clock: the ledger's time set forward, in test mode only."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.identity import Staff
from api.parts import Parts
from api.written import Instant
from domain.instants import aware, iso
from domain.refusals import InstantOutOfRange, Unacceptable

router = APIRouter(prefix="/api/v1/test", tags=["test"])


class ClockBackwards(Unacceptable):
    """The ledger's clock was to be set back."""

    code = "clock_backwards"
    hint = "A boundary that has passed stays passed; start with an empty ledger instead."

    def __init__(self, *, to: str, now: str) -> None:
        super().__init__(f"The clock is at {now} and cannot go back to {to}.", to=to, now=now)


class ClockBody(BaseModel):
    """By how many seconds, or to which instant, the clock is to be set forward."""

    model_config = ConfigDict(extra="forbid")

    advance_seconds: Annotated[float, Field(ge=0, le=3_153_600_000)] | None = None
    set_to: Instant | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "ClockBody":
        if (self.advance_seconds is None) == (self.set_to is None):
            raise ValueError("give either 'advance_seconds' or 'set_to'")
        return self


class ClockAnswer(BaseModel):
    """The ledger's time, and what has caught up with it."""

    now: str
    waited_for: list[str] = []


@router.get("/clock")
async def read_clock(parts: Parts, principal: Staff) -> ClockAnswer:
    """The ledger's time."""
    return ClockAnswer(now=iso(parts.clock.now()))


@router.post("/clock")
async def set_clock(body: ClockBody, parts: Parts, principal: Staff) -> ClockAnswer:
    """Set the ledger's clock forward, and answer once everything has caught up with it.

    What is effective, `effective_at` and every rule about now go by it; `recorded_at` remains the
    database's, so by `known_at` the past is still when it was recorded.
    """
    assert parts.test_clock is not None
    now = parts.clock.now()
    to = _wanted(body, now=now)
    if to < now:
        raise ClockBackwards(to=iso(to), now=iso(now))
    waited_for = await parts.test_clock.advance(to=to)
    return ClockAnswer(now=iso(parts.clock.now()), waited_for=list(waited_for))


def _wanted(body: ClockBody, *, now: datetime) -> datetime:
    if body.set_to is not None:
        return aware(body.set_to, field="set_to")
    try:
        return now + timedelta(seconds=body.advance_seconds or 0)
    except OverflowError:
        seconds = str(body.advance_seconds)
        raise InstantOutOfRange(field="advance_seconds", value=seconds) from None
