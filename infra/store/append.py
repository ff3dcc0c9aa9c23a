"""One call of `ledger_append`: what goes in for many commands, what comes out for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from eventsourcing.persistence import StoredEvent

Verdict = Literal["appended", "known", "conflict"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRows:
    """The inline view rows of one org after a command."""

    name: str
    state: bytes
    granted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Append:
    """What one command wants written; `expected` None takes the stream at any version."""

    command_id: UUID
    stream: str
    expected: int | None
    events: Sequence[tuple[UUID, StoredEvent]]
    views: ViewRows | None = None
    fingerprint: bytes | None = None
    response: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """What became of it; `fingerprint` and `response` are those stored with a `known` command."""

    verdict: Verdict
    version: int
    first_position: int | None
    recorded_at: datetime
    fingerprint: bytes | None
    response: bytes | None
    clock: datetime


CALL = (
    "SELECT * FROM ledger.ledger_append("
    "%b::uuid[], %b::bytea[], %b::text[], %b::bigint[], %b::bytea[],"
    " %b::text[], %b::bytea[], %b::text[], %b::int[], %b::uuid[], %b::text[], %b::bytea[])"
)


def arguments(appends: Sequence[Append]) -> tuple[list[Any], ...]:
    """The parallel arrays that `CALL` takes."""
    events = [
        (ordinal, event_id, stored)
        for ordinal, append in enumerate(appends, start=1)
        for event_id, stored in append.events
    ]
    return (
        [append.command_id for append in appends],
        [append.fingerprint for append in appends],
        [append.stream for append in appends],
        [append.expected for append in appends],
        [append.response for append in appends],
        [append.views.name if append.views else None for append in appends],
        [append.views.state if append.views else None for append in appends],
        [append.views.granted if append.views else None for append in appends],
        [ordinal for ordinal, _, _ in events],
        [event_id for _, event_id, _ in events],
        [stored.topic for _, _, stored in events],
        [stored.state for _, _, stored in events],
    )


def results(rows: Sequence[tuple[Any, ...]]) -> list[Appended]:
    """The answer rows of `CALL`, one for each command in order."""
    return [
        Appended(
            verdict=verdict,
            version=version,
            first_position=first_position,
            recorded_at=recorded_at,
            fingerprint=fingerprint,
            response=response,
            clock=clock,
        )
        for verdict, version, first_position, recorded_at, fingerprint, response, clock in rows
    ]
