"""What may be wrong with the log at one place, each with a sentence that says so."""

from dataclasses import dataclass
from typing import Literal

from domain.entries import Entry, Place

Kind = Literal[
    "altered",
    "missing",
    "order",
    "version_gap",
    "recorded_at_falls",
    "head_mismatch",
    "tail_cut",
    "rewritten",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The first place at which the log is not what was written.

    `since` is the last position that is known to be right, where nothing tells more exactly.
    """

    kind: Kind
    position: int
    detail: str
    since: int | None = None


def altered(entry: Entry) -> Break:
    """An event and the hash before it do not give the event's hash."""
    return Break(
        kind="altered",
        position=entry.position,
        detail=f"Event {entry.event_id}, version {entry.version} of stream '{entry.stream}', is "
        "not what was recorded: its content does not give its hash.",
    )


def missing(position: int, *, following: int | None = None) -> Break:
    """No event stands at a position before the end."""
    rest = "the log ends before it" if following is None else f"the next event is at {following}"
    return Break(
        kind="missing", position=position, detail=f"Position {position} is missing: {rest}."
    )


def time_falls(entry: Entry) -> Break:
    """An event was recorded before the one that precedes it."""
    detail = f"Event {entry.event_id} bears an earlier time than the event before it."
    return Break(kind="recorded_at_falls", position=entry.position, detail=detail)


def version_gap(place: Place, *, after: int) -> Break:
    """A version of a stream does not follow the one before it."""
    rest = f"version {after}" if after else "none: an earlier one is missing"
    detail = f"Version {place.version} of stream '{place.stream}' follows {rest}."
    return Break(kind="version_gap", position=place.position, detail=detail)
