"""What the ledger itself tells a scrape: the same from every process, nothing while it is away."""

import time
from datetime import timedelta
from uuid import uuid4

import pytest

from domain.catalog import Key
from domain.commands import ConvertTrial, GrantAccess, RevokeAccess, StartTrial
from infra.database import Database
from infra.metrics.standing import Standing
from infra.settings import Settings
from infra.wiring import Parts
from projections.audit import catch_up_wholly
from tests.conftest import started
from tests.faults.proxy import Proxy
from tests.infra.store.orders import CRM, order, registration

pytestmark = pytest.mark.anyio
HR = Key("hr")


def standing(parts: Parts) -> Standing:
    return Standing(parts.ledger, now=parts.clock.now, monotonic=time.monotonic)


async def numbers(asked: Standing, name: str) -> dict[tuple[str, ...], float]:
    [found] = [told.of for told in await asked.told() if told.name == name]
    return dict(found)


async def test_facts_are_counted_once_by_every_process(parts: Parts) -> None:
    """Whenever it began; what was taken over from the legacy system nobody selected."""
    early = standing(parts)
    await early.told()
    week = parts.clock.now() + timedelta(days=7)
    await parts.ledger.execute(
        registration("1", StartTrial(key=HR, until=week), GrantAccess(key=CRM))
    )
    await parts.ledger.execute(registration("2", GrantAccess(key=CRM, source="legacy")))
    await parts.ledger.execute(order("1", ConvertTrial(key=HR)))
    await catch_up_wholly(parts.ledger.reading)

    for asked in (early, early, standing(parts)):
        assert await numbers(asked, "trial_starts_total") == {(): 1}
        assert await numbers(asked, "trial_conversions_total") == {(): 1}
        assert await numbers(asked, "module_selections_total") == {("crm",): 1}


async def test_the_orgs_that_may_use_a_module_are_counted(parts: Parts) -> None:
    """Those that may now: not those that may later, or might once."""
    later = parts.clock.now() + timedelta(days=1)
    await parts.ledger.execute(registration("1", GrantAccess(key=CRM), GrantAccess(key=HR)))
    await parts.ledger.execute(registration("2", GrantAccess(key=CRM)))
    await parts.ledger.execute(registration("3", GrantAccess(key=CRM, starts=later)))
    await parts.ledger.execute(order("1", RevokeAccess(key=HR)))

    assert await numbers(standing(parts), "module_enabled_orgs") == {("crm",): 2}


async def test_the_relay_is_told_of_once_there_was_one(parts: Parts) -> None:
    """However many processes are asked, and though none of them need run it."""
    assert "relay_lag_seconds" not in {told.name for told in await standing(parts).told()}

    async with parts.ledger.reading() as connection:
        await connection.execute("SELECT * FROM ledger.relay_take(%s, 60)", (uuid4(),))
        await connection.commit()
    await parts.ledger.execute(registration("1"))

    assert (await numbers(standing(parts), "relay_lag_seconds"))[()] > 0


async def test_a_ledger_that_is_away_is_told_nothing_of(
    settings: Settings, database: Database
) -> None:
    """The page is made all the same, and once it is back so are the names."""
    with Proxy(database.app_url) as proxy:
        where = Database(app_url=proxy.url, owner_url=database.owner_url, embedded=None)
        async with started(settings, where) as parts:
            asked = standing(parts)
            proxy.stall()
            assert await asked.told() == []

            proxy.go_on()
            names = {told.name for told in await asked.told()}
            assert "boundary_lag_seconds" in names
