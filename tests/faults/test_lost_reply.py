"""The reply to a commit is lost: what was asked happens once, and nobody is told otherwise."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

import psycopg
import pytest

from domain.commands import ConvertTrial, ExtendTrial, StartTrial
from domain.facts import TrialConverted, TrialExtended
from domain.refusals import Refusal, TrialNotRunning
from domain.rollout_facts import GatingKilled
from domain.steering import Kill
from infra.catalog import default_document
from infra.clock import LedgerClock
from infra.database import Database
from infra.settings import Settings
from infra.store.append import Append, Appended
from infra.store.connections import connect
from infra.store.journal import Journal, Line
from infra.store.ledger import Ledger
from tests.conftest import started
from tests.domain.world import SUPER_ADMIN
from tests.faults.conftest import Rounds
from tests.faults.proxy import Proxy
from tests.faults.world import assembled, through
from tests.infra.store.orders import CRM, ROOT, order, registration
from tests.infra.store.world import Row, append, assert_gapless, log

pytestmark = pytest.mark.anyio


class Forgetful(Line):
    """The mutant: each try is a command of its own, so that a retry does not know its own work."""

    async def send(self, appends: list[Append]) -> list[Appended]:
        """One try, under ids that nothing was ever sent under."""
        return await super().send([append._replace(command_id=uuid4()) for append in appends])


async def tried(ledger: Ledger, org: str, *, now: datetime) -> None:
    """An org with a running trial."""
    trial = StartTrial(key=CRM, until=now + timedelta(days=10))
    await ledger.execute(registration(org, trial))


async def extend_and_convert(ledger: Ledger, proxy: Proxy, org: str) -> list[Refusal]:
    """Two orders that are not the same when they are carried out twice; what was refused."""
    refused = []
    for command in (ExtendTrial(key=CRM, by_days=1), ConvertTrial(key=CRM)):
        proxy.lose_replies(1)
        try:
            assert (await ledger.execute(order(org, command))).changed
        except Refusal as refusal:
            refused.append(refusal)
    return refused


def counted(rows: list[Row], org: str) -> Counter[str]:
    """How often each fact happened to an org."""
    return Counter(row.topic for row in rows if row.stream == f"org-{org}")


def entries(database: Database) -> list[Row]:
    with psycopg.connect(database.app_url) as connection:
        return log(connection)


@pytest.mark.soak
async def test_an_order_whose_reply_was_lost_is_carried_out_once(
    settings: Settings, database: Database, rounds: Rounds
) -> None:
    """No fact twice, and no refusal that only the first try has caused."""
    orgs = [f"lost-{number}" for number in range((rounds(20, at_hundred=200) + 1) // 2)]
    with Proxy(database.app_url) as proxy:
        async with started(settings, through(proxy, database)) as parts:
            for org in orgs:
                await tried(parts.ledger, org, now=parts.clock.now())
                assert await extend_and_convert(parts.ledger, proxy, org) == []
        assert proxy.lost == 2 * len(orgs)

    rows = entries(database)
    assert_gapless(rows)
    for org in orgs:
        assert set(counted(rows, org).values()) == {1}
        assert len(counted(rows, org)) == 4


async def test_a_change_of_the_rollout_whose_reply_was_lost_is_made_once(
    settings: Settings, database: Database
) -> None:
    """Judged again by what it did itself, it would seem to change nothing."""
    with Proxy(database.app_url) as proxy:
        async with started(settings, through(proxy, database)) as parts:
            proxy.lose_replies(1)
            steered = await parts.rollouts.steer([Kill()], by=SUPER_ADMIN)
        assert proxy.lost == 1
    assert steered.facts == (GatingKilled.TOPIC,)
    assert [row.topic for row in entries(database)].count(GatingKilled.TOPIC) == 1


async def test_a_journal_that_forgets_its_command_ids_is_caught(database: Database) -> None:
    """The mutant extends a trial twice and refuses a conversion that it carried out itself."""
    clock = LedgerClock()
    with Proxy(database.app_url) as proxy:
        journal = Journal(partial(connect, proxy.url), clock=clock, line=Forgetful)
        async with assembled(database, journal=journal, clock=clock) as mutant:
            await tried(mutant.ledger, "1", now=clock.now())
            refused = await extend_and_convert(mutant.ledger, proxy, "1")

    assert proxy.lost == 2
    found = counted(entries(database), "1")
    assert found[TrialExtended.TOPIC] == 2
    assert found[TrialConverted.TOPIC] == 1
    assert [type(refusal) for refusal in refused] == [TrialNotRunning]


async def test_without_command_ids_an_append_conflicts_with_itself_or_acts_twice(
    database: Database,
) -> None:
    """The mutant one step below: one of the two, as a version is insisted on or is not."""
    with Proxy(database.app_url) as proxy:
        journal = Journal(partial(connect, proxy.url), clock=LedgerClock(), line=Forgetful)
        journal.start()
        outcomes = []
        for wanted in (append("org-1"), append("org-2", expected=None)):
            proxy.lose_replies(1)
            outcomes.append(await journal.append(wanted))
        await journal.close()

    assert [outcome.verdict for outcome in outcomes] == ["conflict", "appended"]
    assert [row.stream for row in entries(database)] == ["org-1", "org-2", "org-2"]


@pytest.mark.soak
async def test_orders_that_shared_a_lost_reply_are_carried_out_once_each(
    settings: Settings, database: Database, rounds: Rounds
) -> None:
    """Those that waited at once are one transaction, and its reply is one."""
    with Proxy(database.app_url) as proxy:
        async with started(settings, through(proxy, database)) as parts:
            for number in range(rounds(3)):
                orgs = [f"batch-{number}-{n}" for n in range(8)]
                proxy.lose_replies(1)
                answers = await asyncio.gather(
                    *(parts.ledger.execute(registration(org)) for org in orgs)
                )
                assert all(answer.changed for answer in answers)
                stored = {row.position: str(row.event_id) for row in entries(database)}
                assert [[stored[p] for p in answer.positions] for answer in answers] == [
                    list(answer.event_ids) for answer in answers
                ]
                assert proxy.lost == number + 1

    rows = entries(database)
    assert_gapless(rows)
    assert len({row.stream for row in rows}) == len(rows)


async def test_whoever_asks_again_gets_the_answer_that_was_lost(
    settings: Settings, database: Database
) -> None:
    """Even the second asking may lose its reply."""
    with Proxy(database.app_url) as proxy:
        async with started(settings, through(proxy, database)) as parts:
            await tried(parts.ledger, "1", now=parts.clock.now())
            extension = order(
                "1", ExtendTrial(key=CRM, by_days=1), command_id=uuid4(), fingerprint=b"body"
            )
            proxy.lose_replies(3)

            first = await parts.ledger.execute(extension)
            again = await parts.ledger.execute(extension)

            assert proxy.lost == 3
            assert (again.event_ids, again.first_position) == (
                first.event_ids,
                first.first_position,
            )
            assert again.stored() == first.stored()
    assert counted(entries(database), "1")[TrialExtended.TOPIC] == 1


async def test_a_catalog_whose_reply_was_lost_is_published_once(
    settings: Settings, database: Database
) -> None:
    """The process that published it works by it at once."""
    with Proxy(database.app_url) as proxy:
        async with started(settings, through(proxy, database)) as parts:
            proxy.lose_replies(1)
            document = default_document() | {"longest_trial_days": 33}

            catalog, changes = await parts.ledger.publish_catalog(document, by=ROOT)

            assert proxy.lost == 1
            assert (catalog.version, len(changes)) == (2, 1)
            assert parts.shelf.catalog == catalog
    assert [row.version for row in entries(database)] == [1, 2]
