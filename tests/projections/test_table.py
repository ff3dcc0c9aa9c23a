"""The table of orgs serves what it holds for a time, while it hears of changes, and no longer."""

import pytest

from domain.ids import OrgId
from domain.refusals import Unavailable, UnknownOrg
from projections.table import MOST_ORGS
from tests.projections.fakes import ACME, AJAX, TTL, World, org_at, settled

pytestmark = pytest.mark.anyio


async def test_an_org_is_read_once_and_then_served_from_here(world: World) -> None:
    assert [await world.version() for _ in range(3)] == [2, 2, 2]
    assert (world.ledger.reads, world.table.hits, world.table.misses) == (1, 2, 1)


async def test_the_table_starts_empty(world: World) -> None:
    assert world.table.held(ACME) is None


async def test_what_has_moved_is_read_again(world: World) -> None:
    await world.version()
    world.committed(3)
    assert await world.version() == 3


async def test_another_org_that_moved_changes_nothing(world: World) -> None:
    await world.version()
    world.committed(9, org=AJAX)
    await world.version()
    assert world.ledger.reads == 1


@pytest.mark.parametrize("told", [1, 2])
async def test_old_news_evicts_nothing(world: World, told: int) -> None:
    """Case 20."""
    await world.version()
    world.table.moved(ACME, version=told)
    await world.version()
    assert world.ledger.reads == 1


async def test_an_entry_is_served_for_nine_tenths_of_its_time_at_least(world: World) -> None:
    await world.version()
    world.clock.seconds += 0.9 * TTL - 0.001
    await world.version()
    assert world.ledger.reads == 1


async def test_an_entry_is_not_served_when_its_time_is_over(world: World) -> None:
    await world.version()
    world.clock.seconds += TTL
    assert world.table.held(ACME) is None
    await world.version()
    assert world.ledger.reads == 2


async def test_entries_do_not_all_end_at_once(world: World) -> None:
    ends = {world.table.put(org_at(ACME, 2)).expires for _ in range(100)}
    assert len(ends) > 50
    assert max(ends) <= world.clock.seconds + TTL


async def test_many_who_ask_at_once_share_one_read(world: World) -> None:
    world.ledger.slow = True
    asked = [await world.asked() for _ in range(20)]
    world.ledger.answer()
    assert {(await each).version for each in asked} == {2}
    assert world.ledger.reads == 1


async def test_two_orgs_are_read_side_by_side(world: World) -> None:
    world.ledger.versions[AJAX] = 5
    world.ledger.slow = True
    acme, ajax = await world.asked(ACME), await world.asked(AJAX)
    world.ledger.answer(1)
    assert (await ajax).version == 5
    assert not acme.done()
    world.ledger.answer()
    assert (await acme).version == 2


async def test_one_who_gives_up_does_not_take_the_read_from_the_others(world: World) -> None:
    world.ledger.slow = True
    gone, waiting = await world.asked(), await world.asked()
    gone.cancel()
    await settled()
    world.ledger.answer()
    assert (await waiting).version == 2


async def test_while_changes_are_not_heard_of_every_read_goes_through(world: World) -> None:
    await world.version()
    world.heard = False
    world.committed(3, told=False)
    assert [await world.version(), await world.version()] == [3, 3]
    assert (world.ledger.reads, world.table.hits) == (3, 0)


async def test_once_changes_are_heard_of_again_entries_serve_again(world: World) -> None:
    await world.version()
    world.heard = False
    world.heard = True
    await world.version()
    assert world.ledger.reads == 1


async def test_an_org_that_does_not_exist_is_unknown_each_time(world: World) -> None:
    for _ in range(2):
        with pytest.raises(UnknownOrg):
            await world.table.get(AJAX)
    assert world.ledger.reads == 2


async def test_a_read_that_fails_fails_for_all_who_share_it(world: World) -> None:
    world.ledger.slow = True
    world.ledger.broken = Unavailable("The database went away.")
    asked = [await world.asked() for _ in range(3)]
    world.ledger.answer()
    for each in asked:
        with pytest.raises(Unavailable):
            await each


async def test_a_read_that_failed_is_tried_again_by_the_next(world: World) -> None:
    world.ledger.broken = Unavailable("The database went away.")
    with pytest.raises(Unavailable):
        await world.version()
    world.ledger.broken = None
    assert await world.version() == 2


def orgs(count: int) -> list[OrgId]:
    return [OrgId(str(number)) for number in range(1, count + 1)]


async def test_the_table_has_room_for_a_number_of_orgs_and_keeps_those_asked_for(
    world: World,
) -> None:
    first, second, *others = orgs(MOST_ORGS + 1)
    for org in (first, second, *others[:-1]):
        world.table.put(org_at(org, 0))
    assert world.table.held(first) is not None
    world.table.put(org_at(others[-1], 0))
    assert world.table.held(first) is not None
    assert world.table.held(second) is None


async def test_what_is_known_of_versions_has_room_for_as_many(world: World) -> None:
    first, *others = orgs(MOST_ORGS + 1)
    for org in (first, *others):
        world.table.moved(org, version=9)
    for org in (first, others[0]):
        world.table.put(org_at(org, 3))
    assert world.table.held(first) is not None
    assert world.table.held(others[0]) is None
