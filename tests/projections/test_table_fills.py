"""What is read for the table is taken in only if nothing newer is known by the time it arrives."""

import asyncio

import pytest

from domain.refusals import Unavailable, VersionNotReached
from tests.projections.fakes import ACME, AJAX, TTL, World, org_at, settled

pytestmark = pytest.mark.anyio


async def test_a_read_that_a_revoke_overtook_is_discarded(world: World) -> None:
    """Case 3."""
    world.ledger.slow = True
    asked = await world.asked()
    world.committed(3)
    world.ledger.answer()
    await settled()
    assert world.table.held(ACME) is None
    assert not asked.done()
    world.ledger.answer()
    assert (await asked).version == 3
    assert (world.ledger.reads, world.table.discarded) == (2, 1)


async def test_a_late_fill_of_an_old_version_is_discarded(world: World) -> None:
    """Case 10."""
    world.committed(4)
    world.table.put(org_at(ACME, 3))
    assert world.table.held(ACME) is None
    assert world.table.discarded == 1
    assert await world.version() == 4


async def test_a_fill_at_the_known_version_is_kept(world: World) -> None:
    world.committed(4)
    world.table.put(org_at(ACME, 4))
    assert await world.version() == 4
    assert world.ledger.reads == 0


async def test_an_older_fill_never_replaces_a_newer_entry(world: World) -> None:
    world.table.put(org_at(ACME, 4))
    world.table.put(org_at(ACME, 3))
    assert await world.version() == 4


async def test_old_news_never_lowers_what_is_known(world: World) -> None:
    """Case 20."""
    world.committed(9)
    world.table.moved(ACME, version=7)
    world.table.put(org_at(ACME, 8))
    assert world.table.held(ACME) is None


async def test_what_is_known_outlasts_every_entry_it_was_known_of(world: World) -> None:
    world.committed(4)
    world.clock.seconds += TTL - 0.001
    world.table.put(org_at(ACME, 3))
    assert world.table.held(ACME) is None


async def test_what_is_known_is_forgotten_after_that(world: World) -> None:
    world.committed(4)
    world.clock.seconds += TTL
    world.table.put(org_at(ACME, 3))
    assert world.table.held(ACME) is not None


async def test_whoever_knows_of_a_version_is_answered_at_it(world: World) -> None:
    await world.version()
    world.committed(3, told=False)
    assert await world.version(min_version=2) == 2
    assert await world.version(min_version=3) == 3
    assert world.ledger.reads == 2


async def test_whoever_knows_of_a_version_is_not_answered_by_a_read_from_before_it(
    world: World,
) -> None:
    world.ledger.slow = True
    earlier = await world.asked()
    world.committed(3, told=False)
    asked = await world.asked(min_version=3)
    world.ledger.answer()
    await settled()
    world.ledger.answer()
    assert (await earlier).version == 2
    assert (await asked).version == 3


async def test_a_version_that_nobody_reached_is_refused(world: World) -> None:
    with pytest.raises(VersionNotReached) as refused:
        await world.table.get(ACME, min_version=9)
    assert refused.value.facts == {"org": ACME, "wanted": 9, "current": 2}


async def test_a_version_that_nobody_reached_keeps_nobody_else_waiting(world: World) -> None:
    """Anybody may claim a version; only the ledger knows one."""
    with pytest.raises(VersionNotReached):
        await world.table.get(ACME, min_version=9)
    reads = world.ledger.reads
    assert await world.version() == 2
    assert world.ledger.reads == reads


@pytest.mark.parametrize("told", [True, False], ids=["told", "by its version"])
async def test_an_org_that_is_registered_while_it_is_read_is_found(
    world: World, *, told: bool
) -> None:
    world.ledger.slow = True
    earlier = await world.asked(AJAX)
    world.committed(1, org=AJAX, told=told)
    asked = await world.asked(AJAX, min_version=1)
    while world.ledger.waiting:
        world.ledger.answer()
        await settled()
    assert (await asked).version == 1
    await asyncio.wait([earlier])
    assert told is (earlier.exception() is None)


async def test_an_org_that_moves_faster_than_it_is_read_is_unavailable(world: World) -> None:
    world.ledger.slow = True
    asked = await world.asked()
    for version in range(3, 100):
        world.committed(version)
        world.ledger.answer()
        await settled()
        if asked.done():
            break
    with pytest.raises(Unavailable):
        await asked
    assert world.table.held(ACME) is None


async def test_starting_over_forgets_every_entry(world: World) -> None:
    await world.version()
    world.table.clear()
    assert world.table.held(ACME) is None


async def test_starting_over_forgets_what_was_known_of_the_log_that_is_gone(world: World) -> None:
    """A backup was restored: the org is at a lower version now, and that is the truth."""
    world.committed(9)
    world.committed(4, told=False)
    world.table.clear()
    assert await world.version() == 4
    assert await world.version() == 4
    assert world.ledger.reads == 1


async def test_a_read_from_before_starting_over_is_discarded(world: World) -> None:
    world.ledger.slow = True
    world.committed(9)
    asked = await world.asked()
    world.committed(4, told=False)
    world.table.clear()
    world.ledger.answer()
    await settled()
    assert world.table.held(ACME) is None
    world.ledger.answer()
    assert (await asked).version == 4
