"""The library's recorder interface over our log: its own reads, subscriptions and inserts."""

from collections.abc import Iterator
from itertools import islice
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError, OperationalError, StoredEvent
from eventsourcing.postgres import PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from infra.database import Database
from infra.store.append import Append
from infra.store.recorder import LedgerRecorder
from tests.faults.proxy import Proxy
from tests.infra.postgres.world import eventually, value
from tests.infra.store.world import TOPIC, Connection, append, assert_gapless, call, log


def datastore(url: str) -> PostgresDatastore:
    """The library's own connections, as the application's role."""
    parts = {name: str(part) for name, part in conninfo_to_dict(url).items()}
    return PostgresDatastore(
        parts["dbname"],
        parts["host"],
        parts["port"],
        parts["user"],
        parts["password"],
        pool_size=3,
        schema="ledger",
        originator_id_type="text",
    )


@pytest.fixture
def recorder(database: Database) -> Iterator[LedgerRecorder]:
    """Over the database of one test."""
    with datastore(database.app_url) as store:
        yield LedgerRecorder(store)


def insert(recorder: LedgerRecorder, *appends: Append) -> list[int]:
    """As the library calls it: the events, and beside them what they belong to."""
    events = [StoredEvent(a.stream, 0, topic, body) for a in appends for _, topic, body in a.events]
    return list(recorder.insert_events(events, appends=appends) or [])


def bodies(events: list[StoredEvent]) -> list[tuple[int, bytes]]:
    return [(event.originator_version, event.state) for event in events]


def test_inserted_events_get_the_positions_of_the_log(recorder: LedgerRecorder) -> None:
    """One position for each event, in the order of the commands."""
    assert insert(recorder, append("org-1", events=2), append("org-2")) == [1, 2, 3]
    assert insert(recorder, append("org-1", expected=2)) == [4]
    assert insert(recorder) == []


def test_a_repeat_after_a_lost_reply_is_no_false_conflict(recorder: LedgerRecorder) -> None:
    """The same appends again answer the same positions, and act no second time."""
    first = [append("org-1", events=2), append("org-2", events=2)]
    assert insert(recorder, *first) == [1, 2, 3, 4]

    assert insert(recorder, *first) == [1, 2, 3, 4]
    assert recorder.max_notification_id() == 4


def test_a_reply_that_is_really_lost_is_found_again(database: Database, app: Connection) -> None:
    """The connection breaks after the commit; whoever asks again gets what was recorded."""
    wanted = append("org-1", events=2)
    with Proxy(database.app_url) as proxy, datastore(proxy.url) as store:
        recorder = LedgerRecorder(store)
        proxy.lose_replies(1)
        with pytest.raises(OperationalError):
            insert(recorder, wanted)

        assert insert(recorder, wanted) == [1, 2]
        assert proxy.lost == 1
    assert len(log(app)) == 2


def test_a_version_that_another_writer_took_is_a_conflict(
    recorder: LedgerRecorder, app: Connection
) -> None:
    """It names the stream; what the command wanted is not written, the rest of the call is."""
    call(app, append("org-1"))

    with pytest.raises(IntegrityError, match="org-1"):
        insert(recorder, append("org-1", expected=0), append("org-2"))

    assert [row.stream for row in log(app)] == ["org-1", "org-2"]


def test_events_of_a_stream_are_selected_as_the_library_asks(
    recorder: LedgerRecorder, app: Connection
) -> None:
    """From, to, how many and in which direction; of this stream alone."""
    call(app, append("org-1", events=4), append("org-2", events=2))
    whole = [(version + 1, b'{"n":%d}' % version) for version in range(4)]

    found = recorder.select_events("org-1")

    assert {(event.originator_id, event.topic) for event in found} == {("org-1", TOPIC)}
    assert bodies(list(found)) == whole
    assert bodies(list(recorder.select_events("org-1", gt=1, lte=3))) == whole[1:3]
    assert bodies(list(recorder.select_events("org-1", desc=True, limit=1))) == whole[3:]
    assert bodies(list(recorder.select_events("org-1", gt=1, limit=2))) == whole[1:3]
    assert list(recorder.select_events("org-3")) == []


def test_notifications_are_selected_as_the_library_asks(
    recorder: LedgerRecorder, app: Connection
) -> None:
    """By position, with and without the start, up to a stop, a limit, and by topic."""
    call(app, append("org-1", events=3), append("org-2", events=2, topic="entitlements.Other.v1"))

    def ids(start: int | None, limit: int = 10, **more: object) -> list[int]:
        found = recorder.select_notifications(start, limit, **more)  # type: ignore[arg-type]
        return [notification.id for notification in found]

    assert ids(None) == ids(1) == [1, 2, 3, 4, 5]
    assert ids(2, limit=2) == [2, 3]
    assert ids(2, inclusive_of_start=False) == [3, 4, 5]
    assert ids(2, stop=4) == [2, 3, 4]
    assert ids(1, topics=["entitlements.Other.v1"]) == [4, 5]
    assert ids(6) == []
    last = recorder.select_notifications(5, 1)[0]
    assert (last.originator_id, last.originator_version) == ("org-2", 2)
    assert (last.topic, last.state) == ("entitlements.Other.v1", b'{"n":1}')


def test_the_highest_notification_id_is_the_heads_position(
    recorder: LedgerRecorder, app: Connection
) -> None:
    """None for an empty log, as the library has it."""
    assert recorder.max_notification_id() is None
    call(app, append("org-1", events=3))
    assert recorder.max_notification_id() == 3


def test_a_subscription_of_the_library_gets_everything_in_order(
    database: Database, recorder: LedgerRecorder, app: Connection
) -> None:
    """What was there before it began, and what several writers add while it listens."""
    call(app, append("org-1", events=3))
    listens = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE query = 'LISTEN \"ledger\"' AND datname = current_database()"
    )
    with recorder.subscribe(gt=1) as subscription:
        eventually(lambda: value(database.owner_url, listens) == 1)
        with psycopg.connect(database.app_url, autocommit=True) as other:
            for _ in range(20):
                call(app, append("org-1", expected=None, events=2), append("org-2", expected=None))
                call(other, append(f"org-{uuid4()}", events=2))
        told = list(islice(subscription, 102))

    rows = log(app)
    assert_gapless(rows)
    assert [(n.id, n.originator_id, n.originator_version) for n in told] == [
        (row.position, row.stream, row.version) for row in rows[1:]
    ]
