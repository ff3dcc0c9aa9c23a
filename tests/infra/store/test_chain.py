"""The chain: each event's hash covers the event and, through the one before it, all the past."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from domain.instants import BEGINNING
from infra.database import Database
from tests.infra.store.world import FIRST_HASH, Connection, Row, append, call, head, log

us = timedelta(microseconds=1)
HARMS: dict[str, Callable[[list[Row]], list[Row]]] = {
    "cut": lambda rows: rows[:-1],
    "removed": lambda rows: rows[:3] + rows[4:],
    "swapped": lambda rows: [*rows[:3], rows[4], rows[3], *rows[5:]],
    "doubled": lambda rows: [*rows, rows[-1]],
}


def leaf(row: Row) -> bytes:
    """RFC 6962's leaf: a zero byte, then everything there is to an event."""
    micros = (row.recorded_at - BEGINNING) // us
    place = f"{row.position}|{row.stream}|{row.version}|{row.event_id}|{row.topic}|{micros}|"
    return hashlib.sha256(b"\x00" + place.encode() + row.state).digest()


def chained(previous: bytes, below: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + previous + below).digest()


def breaks(rows: Sequence[Row], *, end: bytes) -> list[int]:
    """The positions whose hash is not what it must be, and one past the last for a wrong end."""
    broken = []
    previous = FIRST_HASH
    for row in rows:
        previous = chained(previous, leaf(row))
        if row.hash != previous:
            broken.append(row.position)
            previous = row.hash
    return broken if previous == end else [*broken, len(rows) + 1]


@pytest.fixture
def written(app: Connection) -> list[Row]:
    """Several batches of several commands on streams with all kinds of names."""
    call(app, append("catalog", events=2), append("org-1", events=3), append("org-Ω|2"))
    call(app, append("org-1", expected=3), append("org-9", expected=4), append("org-2"))
    call(app, append("org-1", expected=4, events=4, topic="entitlements.Größer.v1"))
    return log(app)


def test_the_chain_can_be_recomputed_from_the_rows(app: Connection, written: list[Row]) -> None:
    """By anybody who has the rows, in any language; it ends in the head."""
    assert len(written) == 12
    assert breaks(written, end=head(app).hash) == []


def test_the_chain_of_an_empty_log_ends_where_it_begins(app: Connection) -> None:
    """A fixed text, not nothing."""
    assert head(app).hash == FIRST_HASH


def test_the_functions_in_the_database_say_the_same(app: Connection, written: list[Row]) -> None:
    """So an auditor may verify in SQL."""
    found = app.execute(
        "SELECT leaf, ledger.chain_hash(coalesce(lag(hash) OVER (ORDER BY position), %s), leaf)"
        "  FROM (SELECT position, hash, ledger.leaf_hash(position, stream, version, event_id,"
        "               topic, recorded_at, state) AS leaf FROM ledger.events) AS leaves"
        " ORDER BY position",
        (FIRST_HASH,),
        binary=True,
    ).fetchall()
    assert found == [(leaf(row), row.hash) for row in written]


@pytest.mark.parametrize(
    "change",
    [
        {"position": 99},
        {"stream": "org-3"},
        {"version": 7},
        {"event_id": UUID(int=7)},
        {"topic": "entitlements.Other.v1"},
        {"state": b'{"n":1} '},
        {"recorded_at": BEGINNING},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_event_breaks_the_chain(
    app: Connection, written: list[Row], change: dict[str, object]
) -> None:
    """Each part of an event is covered."""
    written[4] = written[4]._replace(**change)  # type: ignore[arg-type]  # one field of many types

    assert breaks(written, end=head(app).hash) != []


@pytest.mark.parametrize("harm", HARMS)
def test_a_log_that_is_cut_or_reordered_breaks_the_chain(
    app: Connection, written: list[Row], harm: str
) -> None:
    """The order and the end are covered, too."""
    assert breaks(HARMS[harm](written), end=head(app).hash) != []


def test_recorded_at_does_not_fall_when_the_databases_clock_does(
    database: Database, app: Connection
) -> None:
    """Case 27: after the clock stepped back an hour, events stay at the head's time until then."""
    call(app, append("org-1"))
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("UPDATE ledger.head SET recorded_at = clock_timestamp() + interval '1 hour'")
    future = head(app).recorded_at

    outcomes = call(app, append("org-1", expected=1), append("org-2"))
    [again] = call(app, append("org-2", expected=1))

    rows = log(app)
    assert [row.recorded_at for row in rows[1:]] == [future] * 3
    assert rows[0].recorded_at < future
    assert {outcome.clock for outcome in (*outcomes, again)} == {future}
    assert head(app).recorded_at == future
    assert breaks(rows, end=head(app).hash) == []


def test_recorded_at_rises_with_the_databases_clock(app: Connection) -> None:
    """It is the database that tells the time, and within a batch it is one instant."""
    call(app, append("org-1", events=2), append("org-2"))
    call(app, append("org-3"))

    first, *others, last = [row.recorded_at for row in log(app)]

    assert others == [first, first]
    assert last > first
