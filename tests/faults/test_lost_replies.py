"""The reply to a commit is lost: what was asked happens once, and nobody is told otherwise."""

import asyncio
from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import tuple_row

from domain.commands import ConvertTrial, ExtendTrial, StartTrial
from domain.facts import TrialConverted, TrialExtended
from domain.refusals import Refusal, TrialNotRunning
from infra.clock import LedgerClock
from infra.database import Database
from infra.settings import Settings
from infra.store.append import CALL
from infra.store.connections import Watched, prepare
from infra.store.journal import Journal
from infra.store.ledger import Ledger
from tests.conftest import started
from tests.faults.conftest import Rounds
from tests.faults.proxy import Proxy
from tests.faults.world import assembled, through
from tests.infra.store.orders import CRM, order, registration
from tests.infra.store.world import Row, assert_gapless, log

pytestmark = pytest.mark.anyio


class Forgetful(Watched):
    """The mutant: new command ids for every try, so that a retry does not know its own work."""

    async def execute(self, query: Any, params: Any = None, **kwargs: Any) -> Any:
        if query == CALL:
            params = ([uuid4() for _ in params[0]], *params[1:])
        return await super().execute(query, params, **kwargs)


async def forgetful(url: str) -> Forgetful:
    connection = await Forgetful.connect(url, autocommit=True, row_factory=tuple_row)
    await prepare(connection)
    return connection


async def tried(ledger: Ledger, org: str, *, now: Any) -> None:
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
    orgs = [f"lost-{number}" for number in range(rounds(20) // 2 + 1)]
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


async def test_a_journal_that_forgets_its_command_ids_is_caught(database: Database) -> None:
    """The mutant extends a trial twice and refuses a conversion that it carried out itself."""
    clock = LedgerClock()
    with Proxy(database.app_url) as proxy:
        journal = Journal(partial(forgetful, proxy.url), clock=clock)
        async with assembled(database, journal=journal, clock=clock) as mutant:
            await tried(mutant.ledger, "1", now=clock.now())
            refused = await extend_and_convert(mutant.ledger, proxy, "1")

    assert proxy.lost == 2
    found = counted(entries(database), "1")
    assert found[TrialExtended.TOPIC] == 2
    assert found[TrialConverted.TOPIC] == 1
    assert [type(refusal) for refusal in refused] == [TrialNotRunning]


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
