"""The reply to a COMMIT is lost: one effect, one true answer, and never a false conflict."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from uuid import uuid4

import psycopg
import pytest

from domain.actors import Actor, Provenance
from domain.catalog import Key
from domain.commands import GrantAccess, RegisterOrg
from domain.ids import org_id
from domain.orders import Order
from infra.clock import LedgerClock
from infra.database import Database
from infra.settings import Settings
from infra.store.append import Append, Appended
from infra.store.connections import connect
from infra.store.journal import Journal, Line
from infra.wiring import Parts
from tests.conftest import started
from tests.faults.conftest import Rounds
from tests.faults.proxy import Proxy
from tests.infra.store.world import append, assert_gapless, log

pytestmark = pytest.mark.anyio

BY = Provenance(actor=Actor(id="tester", type="super_admin"), reason="because of the test")


class Forgetful(Line):
    """A mutant: each try is a command of its own, as if there were no command ids."""

    async def send(self, appends: list[Append]) -> list[Appended]:
        """One try, under ids that nothing was ever sent under."""
        return await super().send([replace(append, command_id=uuid4()) for append in appends])


@asynccontextmanager
async def through(proxy: Proxy, database: Database, settings: Settings) -> AsyncIterator[Parts]:
    """A running ledger that reaches its database through the proxy."""
    there = Database(app_url=proxy.url, owner_url=database.owner_url, embedded=None)
    async with started(settings, there) as parts:
        yield parts


async def test_a_lost_reply_is_found_out_and_never_acted_on_twice(
    database: Database, settings: Settings, rounds: Rounds
) -> None:
    """Each grant is answered as appended, and stands in the log once."""
    count = rounds(20)
    with Proxy(database.app_url) as proxy:
        async with through(proxy, database, settings) as parts:
            for number in range(1, count + 1):
                org = org_id(number)
                proxy.lose_replies(1)
                answer = await parts.ledger.execute(
                    Order(
                        org=org,
                        commands=[RegisterOrg(name="Acme"), GrantAccess(key=Key("crm"))],
                        by=BY,
                    )
                )
                assert (answer.changed, answer.org_version) == (True, 2)
        assert proxy.lost == count

    with psycopg.connect(database.owner_url) as owner:
        rows = log(owner)
    assert_gapless(rows)
    assert sorted(r.stream for r in rows if r.stream != "catalog") == sorted(
        f"org-{number}" for number in range(1, count + 1) for _ in range(2)
    )


async def test_a_lost_reply_answers_the_positions_that_were_given(
    database: Database, settings: Settings
) -> None:
    """The answer names the very events that are in the log."""
    with Proxy(database.app_url) as proxy:
        async with through(proxy, database, settings) as parts:
            proxy.lose_replies(1)
            order = Order(org=org_id(1), commands=[RegisterOrg(name="Acme")], by=BY)
            answer = await parts.ledger.execute(order)

    with psycopg.connect(database.owner_url) as owner:
        events = {row.position: str(row.event_id) for row in log(owner)}
    assert [events[position] for position in answer.positions] == list(answer.event_ids)


async def test_without_command_ids_a_lost_reply_becomes_a_false_conflict(
    database: Database,
) -> None:
    """The mutant's own append stands in its way, and it cannot tell."""
    ours = await _appended_through_a_lost_reply(database, append("org-1"), line=Forgetful)

    assert ours.verdict == "conflict"


async def test_without_command_ids_a_lost_reply_acts_twice(database: Database) -> None:
    """Where the stream's version is not insisted on, the mutant writes the event again."""
    await _appended_through_a_lost_reply(database, append("org-1", expected=None), line=Forgetful)

    with psycopg.connect(database.owner_url) as owner:
        assert [row.version for row in log(owner)] == [1, 2]


async def _appended_through_a_lost_reply(
    database: Database, wanted: Append, *, line: type[Line]
) -> Appended:
    with Proxy(database.app_url) as proxy:
        journal = Journal(partial(connect, proxy.url), clock=LedgerClock(), line=line)
        journal.start()
        try:
            proxy.lose_replies(1)
            outcome = await journal.append(wanted)
        finally:
            await journal.close()
        assert proxy.lost == 1
    return outcome
