"""Instants: seconds since 1970 inside, RFC 3339 in UTC outside. Both keep microseconds."""

from datetime import UTC, datetime


def seconds_of(text: str) -> float:
    """The seconds since 1970 of an RFC 3339 instant, which must name its offset.

    Raises:
        ValueError: it is none, or it is naive.
    """
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return instant.timestamp()


def instant_of(seconds: float) -> datetime:
    """The aware instant, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def text_of(seconds: float) -> str:
    """As the ledger writes it: microseconds, and `Z`."""
    return f"{instant_of(seconds).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
