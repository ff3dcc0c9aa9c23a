"""The table of orgs keeps the cache rules: never past its time, never below a known version."""

import asyncio

import pytest

from domain.ids import OrgId
from domain.refusals import Unavailable, UnknownOrg, VersionNotReached
from projections.table import MOST_ORGS, Entry, OrgTable
from tests.projections.fakes import FakeLedger, HandClock, org_at

pytestmark = pytest.mark.anyio

ACME = OrgId("1042")
AJAX = OrgId("2001")
TTL = 300.0


class World:
    """A table over a fake ledger that holds one org at version 2, and a feed that is heard."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.ledger = FakeLedger()
        self.ledger.versions[ACME] = 2
        self.heard = True
        self.table = OrgTable(
            fetch=self.ledger.fetch,
            current=lambda: self.heard,
            ttl_seconds=TTL,
            monotonic=self.clock,
        )

    async def asked(self, org: OrgId = ACME, *, min_version: int = 0) -> asyncio.Task[Entry]:
        """Somebody asks, and waits for as long as the ledger does not answer."""
        task = asyncio.create_task(self.table.get(org, min_version=min_version))
        await settled()
        return task

    async def version(self, *, min_version: int = 0) -> int:
        return (await self.table.get(ACME, min_version=min_version)).version

    def committed(self, version: int, *, org: OrgId = ACME, told: bool = True) -> None:
        """Another process commits; the feed may tell of it or not yet."""
        self.ledger.versions[org] = version
        if told:
            self.table.moved(org, version=version)


async def settled() -> None:
    """Everything that can go on has gone on."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def world() -> World:
    return World()


async def test_an_org_is_read_once_and_then_served_from_here(world: World) -> None:
    assert [await world.version() for _ in range(3)] == [2, 2, 2]
    assert (world.ledger.reads, world.table.hits, world.table.misses) == (1, 2, 1)


async def test_the_table_starts_empty(world: World) -> None:
    assert world.table.held(ACME) is None


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


async def test_old_news_never_lowers_what_is_known(world: World) -> None:
    """Case 20."""
    world.committed(9)
    world.table.moved(ACME, version=7)
    world.table.put(org_at(ACME, 8))
    assert world.table.held(ACME) is None


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


async def test_an_org_that_does_not_exist_is_unknown_each_time(world: World) -> None:
    for _ in range(2):
        with pytest.raises(UnknownOrg):
            await world.table.get(AJAX)
    assert world.ledger.reads == 2


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
