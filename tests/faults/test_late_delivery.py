"""Case 20: version 7 is delivered after version 9, and dropped."""

from functools import partial

import psycopg
import pytest

from domain.commands import GrantAccess, RevokeAccess
from domain.ids import OrgId
from domain.org import Org
from infra.clock import LedgerClock
from infra.database import Database
from infra.store.connections import connect
from infra.store.journal import Journal
from projections.table import Entry, OrgTable
from tests.faults.world import Assembled, assembled
from tests.infra.store.orders import CRM, order, registration
from tests.infra.store.world import fold, log, streams

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]

ORG = OrgId("1042")


class Careless(OrgTable):
    """The mutant: takes in whatever is read, and remembers nothing of what it knew."""

    def put(self, org: Org, *, within: float | None = None) -> Entry:
        self.clear()
        return super().put(org)


async def after_nine_versions(world: Assembled, database: Database) -> Org:
    """The org as it was at version 7, which somebody has read and not yet delivered."""
    await world.ledger.execute(registration(ORG))
    for number in range(8):
        change = RevokeAccess if number % 2 else GrantAccess
        await world.ledger.execute(order(ORG, change(key=CRM)))
    with psycopg.connect(database.app_url) as connection:
        rows = streams(log(connection))[ORG]
    assert rows[-1].version == 9
    return fold(rows[:7])


@pytest.mark.parametrize(("table", "serves"), [(OrgTable, 9), (Careless, 7)])
async def test_what_is_delivered_late_is_dropped(
    database: Database, table: type[OrgTable], serves: int
) -> None:
    """Neither the news nor the content of version 7 disturbs version 9; the mutant serves it."""
    clock = LedgerClock()
    journal = Journal(partial(connect, database.app_url), clock=clock)
    async with assembled(database, journal=journal, clock=clock, table_class=table) as world:
        seven = await after_nine_versions(world, database)
        assert (await world.table.get(ORG)).version == 9

        world.table.moved(ORG, version=7)
        world.table.put(seven)

        assert (await world.table.get(ORG)).version == serves
