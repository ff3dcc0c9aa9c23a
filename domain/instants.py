"""Every instant in the ledger is aware, in UTC, to the microsecond; intervals are half open."""

from datetime import UTC, datetime
from functools import lru_cache

from domain.refusals import InstantOutOfRange, NaiveTimestamp

_OFFSET = len("+00:00")
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def aware(instant: datetime, *, field: str) -> datetime:
    """`instant` in UTC.

    Raises:
        NaiveTimestamp: it has no time zone, so nobody can say when it is.
        InstantOutOfRange: in UTC it is before the year 1 or after the year 9999.
    """
    if instant.tzinfo is None:
        raise NaiveTimestamp(field=field, value=instant.isoformat())
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise InstantOutOfRange(field=field, value=instant.isoformat()) from None


def iso_once(instant: datetime) -> str:
    """See `iso`; for an instant that will not be written again, and is not remembered."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return instant.isoformat(timespec="microseconds")[:-_OFFSET] + "Z"


# The same few instants stand on all facts of a command, and in an org's row at each append. Two
# that are equal are written alike, because both are put in UTC.
@lru_cache(maxsize=8192)
def iso(instant: datetime) -> str:
    """The one way an instant is written, `2026-01-31T12:00:00.000000Z`: text sorts as time does."""
    return iso_once(instant)


def from_iso(text: str) -> datetime:
    """The instant that `iso` wrote (any ISO 8601 text with an offset is read)."""
    return datetime.fromisoformat(text)


def covers(starts: datetime, ends: datetime | None, at: datetime) -> bool:
    """Whether `at` lies in `[starts, ends)`; no end means open ended."""
    return starts <= at and (ends is None or at < ends)
