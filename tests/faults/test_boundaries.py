"""Boundaries with every timer stopped, the ticker too: a cached org changes by itself in time."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial

import pytest

from domain.commands import GrantAccess, StartTrial
from domain.effective import Effective, denied_by
from domain.ids import OrgId
from infra.clock import LedgerClock
from infra.database import Database
from infra.store.connections import connect
from infra.store.journal import Journal
from projections.table import Entry
from tests.faults.world import Assembled, Hands, assembled
from tests.infra.store.orders import CRM, order, registration

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]

us = timedelta(microseconds=1)
ORG = OrgId("1042")
TTL_SECONDS = 300.0


@pytest.fixture
def hands() -> Hands:
    """Nothing moves them but the test."""
    return Hands()


@pytest.fixture
async def world(database: Database, hands: Hands) -> AsyncIterator[Assembled]:
    """A ledger that nobody tells of anything: no feed, no notification, no running clock."""
    clock = LedgerClock(monotonic=hands.monotonic)
    journal = Journal(partial(connect, database.app_url), clock=clock)
    async with assembled(
        database, journal=journal, clock=clock, monotonic=hands.monotonic, ttl_seconds=TTL_SECONDS
    ) as world:
        yield world


def wait_until(instant: datetime, *, hands: Hands, world: Assembled) -> None:
    """Time passes, to the microsecond."""
    hands.seconds += (instant - world.clock.now()) / timedelta(seconds=1)
    assert world.clock.now() == instant


async def cached(world: Assembled) -> Entry:
    """The org from memory."""
    misses = world.table.misses
    entry = await world.table.get(ORG)
    assert world.table.misses == misses
    return entry


def state(world: Assembled, entry: Entry) -> Effective:
    return entry.judged(world.shelf.catalog, world.clock.now()).states[CRM]


async def test_a_cached_trial_is_over_at_exactly_its_end(world: Assembled, hands: Hands) -> None:
    """Case 1: until then it is a trial; a mutant that keeps what it judged allows too late."""
    end = world.clock.now() + timedelta(seconds=200)
    await world.ledger.execute(registration(ORG, StartTrial(key=CRM, until=end)))
    entry = await cached(world)

    wait_until(end - us, hands=hands, world=world)
    mutant = (await cached(world)).judged(world.shelf.catalog, world.clock.now())
    assert state(world, await cached(world)) is Effective.TRIAL
    assert mutant.not_after == end

    wait_until(end, hands=hands, world=world)
    assert await cached(world) is entry
    assert state(world, entry) is Effective.DISABLED
    assert denied_by(entry.lanes, world.shelf.catalog, CRM, end) == "trial_expired"
    assert mutant.states[CRM] is Effective.TRIAL


async def test_a_grant_that_starts_while_disabled_is_cached_holds_from_its_start(
    world: Assembled, hands: Hands
) -> None:
    """Case 2: until then it is denied; a mutant that keeps what it judged denies too long."""
    start = world.clock.now() + timedelta(seconds=100)
    await world.ledger.execute(registration(ORG, GrantAccess(key=CRM, starts=start)))
    entry = await cached(world)

    wait_until(start - us, hands=hands, world=world)
    mutant = (await cached(world)).judged(world.shelf.catalog, world.clock.now())
    assert state(world, await cached(world)) is Effective.DISABLED
    assert denied_by(entry.lanes, world.shelf.catalog, CRM, start - us) == "not_yet_active"

    wait_until(start, hands=hands, world=world)
    assert await cached(world) is entry
    assert state(world, entry) is Effective.ENABLED
    assert mutant.states[CRM] is Effective.DISABLED


async def test_a_boundary_that_has_passed_stays_passed_when_the_clock_steps_back(
    world: Assembled, hands: Hands
) -> None:
    """Case 27: what the database tells five seconds early opens nothing again."""
    end = world.clock.now() + timedelta(seconds=200)
    await world.ledger.execute(registration(ORG, StartTrial(key=CRM, until=end)))
    wait_until(end, hands=hands, world=world)
    assert state(world, await cached(world)) is Effective.DISABLED

    world.clock.tell(end - timedelta(seconds=5))

    assert world.clock.now() == end
    assert state(world, await cached(world)) is Effective.DISABLED


async def test_an_entry_that_may_serve_no_longer_is_read_again(
    world: Assembled, hands: Hands
) -> None:
    """What another process changed is found after the time to live at the latest."""
    await world.ledger.execute(registration(ORG))
    misses = world.table.misses
    hands.seconds += TTL_SECONDS

    await world.ledger.execute(order(ORG, GrantAccess(key=CRM)))

    assert world.table.misses == misses + 1
