"""One call of `ledger_append`: what goes in for many commands, what comes out for each."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from infra.store.columns import Column, bigints, blobs, ints, texts, uuids

Verdict = Literal["appended", "known", "conflict"]


class ViewRows(NamedTuple):
    """The inline view rows of one org after a command."""

    name: str
    state: bytes
    granted: str


class StoredFact(NamedTuple):
    """A fact as it is stored; its stream and its version are given with the append."""

    event_id: UUID
    topic: str
    body: bytes


class Append(NamedTuple):
    """What one command wants written; `expected` None takes the stream at any version.

    Made by name: a tuple, because a frozen class takes three times as long, for every command.
    """

    command_id: UUID
    stream: str
    expected: int | None
    events: Sequence[StoredFact]
    views: ViewRows | None = None
    fingerprint: bytes | None = None
    response: bytes | None = None


class Appended(NamedTuple):
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


def arguments(appends: Sequence[Append]) -> tuple[Column | None, ...]:
    """The columns that `CALL` takes."""
    views = [append.views for append in appends]
    ordinals = [n for n, append in enumerate(appends, start=1) for _ in append.events]
    events = [event for append in appends for event in append.events]
    return (
        uuids([append.command_id for append in appends]),
        blobs([append.fingerprint for append in appends]),
        texts([append.stream for append in appends]),
        bigints([append.expected for append in appends]),
        blobs([append.response for append in appends]),
        texts([rows.name if rows else None for rows in views]),
        blobs([rows.state if rows else None for rows in views]),
        texts([rows.granted if rows else None for rows in views]),
        ints(ordinals),
        uuids([event_id for event_id, _, _ in events]),
        texts([topic for _, topic, _ in events]),
        blobs([body for _, _, body in events]),
    )


def results(row: Sequence[Any]) -> list[Appended]:
    """The outcomes in the one row that answers `CALL`, one for each command in order."""
    clock, verdicts, versions, first_positions, *of_known = row
    nothing = [None] * len(verdicts)
    known = (column or nothing for column in of_known)
    columns = zip(verdicts, versions, first_positions, *known, strict=True)
    return [
        Appended(verdict, version, first_position, at or clock, fingerprint, response, clock)
        for verdict, version, first_position, at, fingerprint, response in columns
    ]
