"""Subscribers over a real broker: each state once, in order, whatever happens in between."""

from pathlib import Path

import psycopg
import pytest

from consumers.topics import Topics
from domain.commands import GrantAccess, RevokeAccess
from domain.ids import OrgId
from entitlements_sdk.kafka import FileStore, OrgChanged, Progress, Subscriber
from infra.database import Database
from infra.wiring import Parts
from tests.consumers.carrying import a_relay, carried, running
from tests.infra.store.orders import CRM, order, registration
from tests.infra.store.world import head
from tests.sdk.topic import Told, beat, gone, made, prefix_of, send, state, subscribing
from tests.sdk.waiting import eventually, until

pytestmark = [pytest.mark.one_server]


def position(database: Database) -> int:
    with psycopg.connect(database.app_url) as connection:
        return head(connection).position


@pytest.fixture
def told() -> Told:
    return Told()


class Forgetful(FileStore):
    """A mutant: it keeps nothing."""

    def load(self) -> Progress:
        return Progress()


def subscriber(kafka: str, topics: Topics, told: Told, store: FileStore) -> Subscriber:
    return Subscriber(kafka, told, store=store, prefix=prefix_of(topics))


@pytest.mark.anyio
@pytest.mark.parametrize("keeps", [True, False], ids=["kept", "mutant-forgetful"])
async def test_what_happened_while_it_was_away_is_told_once_and_in_order(
    parts: Parts,
    database: Database,
    kafka: str,
    topics: Topics,
    tmp_path: Path,
    keeps: bool,
) -> None:
    """A ledger, a relay and a subscriber that is stopped and started again."""
    told, store = Told(), (FileStore if keeps else Forgetful)(tmp_path / "position")
    org = OrgId("7")

    def versions() -> list[int]:
        return [n.version.org for n in told.news if isinstance(n, OrgChanged) and n.org == org]

    async with running(a_relay(database, kafka, topics)) as relay:
        granted = await parts.ledger.execute(registration("7", GrantAccess(key=CRM)))
        with subscribing(subscriber(kafka, topics, told, store)) as first:
            await eventually(lambda: granted.org_version in versions(), "the grant")
            await eventually(lambda: first.current, "a heartbeat")
        await parts.ledger.execute(order("7", RevokeAccess(key=CRM)))
        await parts.ledger.execute(order("7", GrantAccess(key=CRM)))
        last = await parts.ledger.execute(order("7", RevokeAccess(key=CRM)))
        await carried(relay, position=position(database))
        with subscribing(subscriber(kafka, topics, told, store)):
            await eventually(lambda: last.org_version in versions(), "the last revocation")
    newest = told.news[-1]
    assert isinstance(newest, OrgChanged)
    assert (newest.states["crm"], newest.denied_by["crm"]) == ("disabled", "revoked")
    assert (versions() == sorted(set(versions()))) == keeps


def test_older_and_repeated_states_are_dropped(
    kafka: str, topics: Topics, tmp_path: Path, told: Told
) -> None:
    """Version 7 after 9, and 9 again (case 20); another catalog makes 9 a new state."""
    made(kafka, topics)
    written = [state(topics, "1", 9), state(topics, "1", 7), state(topics, "1", 9)]
    send(kafka, [*written, state(topics, "1", 9, catalog=2), state(topics, "2", 1)])
    with subscribing(subscriber(kafka, topics, told, FileStore(tmp_path / "p"))) as running_one:
        until(lambda: ("2", 1) in told.shortly(), "the last record")
    assert told.shortly() == [("1", 9), ("1", 9), ("2", 1)]
    assert running_one.dropped == 2


def test_a_new_epoch_is_read_from_the_beginning(
    kafka: str, topics: Topics, tmp_path: Path, told: Told
) -> None:
    """Lower versions count then, what is left of the old epoch does not, and some orgs are gone."""
    made(kafka, topics, partitions=2)
    store = FileStore(tmp_path / "position")
    send(kafka, [state(topics, "1", 9), state(topics, "2", 5)])
    with subscribing(subscriber(kafka, topics, told, store)):
        until(lambda: ("2", 5) in told.shortly(), "the first epoch")
        again = [state(topics, "1", 3, epoch=2), gone(topics, "2", epoch=2)]
        send(kafka, [*again, state(topics, "1", 10), state(topics, "3", 1, epoch=2)])
        until(lambda: ("3", 1) in told.shortly(), "the second epoch")
    assert told.shortly() == [("1", 9), ("2", 5), 2, ("1", 3), "2", ("3", 1)]
    assert store.load().epoch == 2


def test_news_that_a_handler_refuses_comes_again_before_what_follows(
    kafka: str, topics: Topics, tmp_path: Path, told: Told
) -> None:
    made(kafka, topics)
    told.failures = 2
    send(kafka, [state(topics, "1", 1), state(topics, "1", 2)])
    with subscribing(subscriber(kafka, topics, told, FileStore(tmp_path / "p"))):
        until(lambda: ("1", 2) in told.shortly(), "the second state")
    assert told.shortly() == [("1", 1), ("1", 2)]


def test_an_offset_beyond_the_end_is_a_topic_that_was_made_anew(
    kafka: str, topics: Topics, tmp_path: Path, told: Told
) -> None:
    made(kafka, topics)
    path = tmp_path / "position"
    path.write_text('{"epoch":1,"offsets":{"0":4711},"versions":{"1":[4,1,0]}}\n', "utf-8")
    send(kafka, [state(topics, "1", 4), state(topics, "1", 5)])
    with subscribing(subscriber(kafka, topics, told, FileStore(path))):
        until(told.shortly, "the newer state")
    assert told.shortly() == [("1", 5)]


def test_a_record_that_says_nothing_is_counted_and_passed_over(
    kafka: str, topics: Topics, tmp_path: Path, told: Told
) -> None:
    """The next state of the same org is whole in itself."""
    made(kafka, topics)
    send(kafka, [state(topics, "1", 1)._replace(value=b"{}"), state(topics, "1", 2)])
    with subscribing(subscriber(kafka, topics, told, FileStore(tmp_path / "p"))) as running_one:
        until(told.shortly, "the next state")
    assert told.shortly() == [("1", 2)]
    assert running_one.unreadable == 1


def test_heartbeats_from_before_it_came_do_not_make_it_current(
    kafka: str, topics: Topics, tmp_path: Path, told: Told
) -> None:
    """A week of records may lie between such a heartbeat and now."""
    made(kafka, topics)
    send(kafka, [beat(topics, "2026-01-31T12:00:00.000000Z"), state(topics, "1", 1)])
    with subscribing(subscriber(kafka, topics, told, FileStore(tmp_path / "p"))) as running_one:
        until(told.shortly, "the state")
        assert not running_one.current
        send(kafka, [beat(topics, "2026-01-31T12:00:01.000000Z")])
        until(lambda: running_one.current, "a heartbeat of now")
