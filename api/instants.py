"""The two axes of time in a query: `at`, when it was so, and `known_at`, what had been recorded."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends, Query

from api.parts import Parts
from api.written import Instant
from domain.instants import aware

SETTLED = timedelta(seconds=10)
"""No append runs this long, so what was recorded earlier than this ago is complete."""

At = Annotated[Instant | None, Query(description="the instant to judge at; absent: now")]
KnownAt = Annotated[
    Instant | None,
    Query(description="judge by what the ledger had recorded then; absent: by all there is"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AsOf:
    """A point in both times: whether a caller `asked` for one, and if it is `settled` for ever.

    `recorded_by` is the bound to put on the log, None for all there is.
    """

    at: datetime
    known_at: datetime
    recorded_by: datetime | None
    asked: bool
    settled: bool


async def as_of(parts: Parts, at: At = None, known_at: KnownAt = None) -> AsOf:
    """The point a query names.

    Raises:
        NaiveTimestamp: one of the two has no time zone.
    """
    now = parts.clock.now()
    effective = now if at is None else aware(at, field="at")
    known = now if known_at is None else min(aware(known_at, field="known_at"), now)
    return AsOf(
        at=effective,
        known_at=known,
        recorded_by=None if known_at is None else known,
        asked=at is not None or known_at is not None,
        settled=at is not None and known_at is not None and known <= now - SETTLED,
    )


async def as_known(parts: Parts, known_at: KnownAt = None) -> AsOf:
    """The point of a query that spans all times: only what was known can be chosen."""
    return await as_of(parts, None, known_at)


KnownPoint = Annotated[AsOf, Depends(as_known)]
PointInTime = Annotated[AsOf, Depends(as_of)]
