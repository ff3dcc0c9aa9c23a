"""Orgs shared through Redis: spared reads, floors against late fills, and life without Redis."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from redis.asyncio import Redis

from domain.commands import GrantAccess, RevokeAccess
from domain.ids import OrgId
from domain.org import Org
from infra.database import Database
from infra.propagation import FromKafka
from infra.settings import Settings, SettingsProblem
from infra.sharing import scripts
from infra.sharing import shared as module
from infra.sharing.opening import shared_orgs
from infra.sharing.scripts import Keys
from infra.sharing.shared import SharedOrgs
from infra.wiring import Parts
from projections.orgs import fetch_org
from tests.conftest import SECRET, started
from tests.infra.sharing.conftest import OwnRedis
from tests.infra.store.orders import CRM, order, registration
from tests.infra.store.world import until

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]
ORG = OrgId("7")


class World:
    """Processes over one database and one Redis, and sharers put together by hand."""

    def __init__(self, redis: OwnRedis, database: Database, path: Path, prefix: str) -> None:
        self._database = database
        self._stack = AsyncExitStack()
        self.position = 0
        self.settings = Settings(
            data_dir=path, jwt_secret=SECRET, redis_url=redis.url, topic_prefix=prefix
        )

    async def process(self) -> Parts:
        """One more process that shares."""
        parts = await self._stack.enter_async_context(started(self.settings, self._database))
        assert parts.shared is not None
        shared = parts.shared
        await until(lambda: passed_on(shared))
        return parts

    async def damaged(self) -> int:
        """Put something in the place of every entry that is no org; how many there were."""
        async with Redis.from_url(str(self.settings.redis_url)) as client:
            names = [n async for n in client.scan_iter(f"{self.settings.topic_prefix}*entry:*")]
            for name in names:
                await client.set(name, b"2 2 [no state]", keepttl=True)
        return len(names)

    async def sharer(self, *, hears: bool = True) -> SharedOrgs:
        """A sharer alone, which hears only what it is told."""
        made = shared_orgs(
            self.settings,
            str(self.settings.redis_url),
            place=lambda: (self.position, hears),
        )
        made.start()
        self._stack.push_async_callback(made.close)
        if hears:
            await until(lambda: passed_on(made))
        return made

    async def close(self) -> None:
        await self._stack.aclose()


def passed_on(shared: SharedOrgs | None) -> bool:
    """Whether all that was heard has been passed on."""
    return shared is not None and shared.settled


@pytest.fixture
async def world(
    redis: OwnRedis, database: Database, tmp_path: Path, prefix: str
) -> AsyncIterator[World]:
    world = World(redis, database, tmp_path, prefix)
    yield world
    await world.close()


class Reads:
    """Reads an org from the database, counts, and can be held up once."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.count = 0
        self.held: asyncio.Event | None = None
        self.under_way = asyncio.Event()

    async def __call__(self) -> Org | None:
        async with self._parts.ledger.reading() as connection:
            org = await fetch_org(connection, ORG)
        self.count += 1
        held, self.held = self.held, None
        if held is not None:
            self.under_way.set()
            await held.wait()
        return org


async def version(shared: SharedOrgs, reads: Reads, *, at_least: int = 0) -> int:
    org = (await shared.get(ORG, at_least=at_least, read=reads)).org
    assert org is not None
    return org.version


async def test_what_one_process_has_read_spares_another_the_database(world: World) -> None:
    """And a change through either of them is seen by both (case 9)."""
    one, other = await world.process(), await world.process()
    await one.ledger.execute(registration(ORG, GrantAccess(key=CRM)))
    for parts in (one, other):
        await until(partial(passed_on, parts.shared))
        parts.table.clear()
    first, second = await one.table.get(ORG), await other.table.get(ORG)
    one.table.clear()
    again = await one.table.get(ORG)
    assert first.version == second.version == again.version
    assert [parts.shared.hits for parts in (one, other) if parts.shared] == [1, 1]
    assert again.org.grants == first.org.grants
    revoked = await other.ledger.execute(order(ORG, RevokeAccess(key=CRM)))
    await until(lambda: one.table.held(ORG) is None)
    assert (await one.table.get(ORG)).version == revoked.org_version
    fresh = await world.process()
    assert (await fresh.table.get(ORG)).version == revoked.org_version


@pytest.mark.parametrize("floors", [True, False], ids=["floors", "mutant-without"])
async def test_a_read_that_began_before_a_change_does_not_fill_the_cache(
    parts: Parts, world: World, monkeypatch: pytest.MonkeyPatch, floors: bool
) -> None:
    """Read, then revoked and told, then filled (cases 3, 10); the mutant serves what was read."""
    if not floors:
        line = "if version < tonumber(redis.call('GET', KEYS[3]) or '0') then return 0 end\n"
        assert line in scripts.PUT
        monkeypatch.setattr(module, "PUT", scripts.PUT.replace(line, ""))
        get = scripts.GET.replace("version >= floor and ", "")
        assert get != scripts.GET
        monkeypatch.setattr(module, "GET", get)
    await parts.ledger.execute(registration(ORG, GrantAccess(key=CRM)))
    slow, quick = await world.sharer(), await world.sharer()
    reads = Reads(parts)
    reads.held = held = asyncio.Event()
    reading = asyncio.create_task(version(slow, reads))
    await reads.under_way.wait()
    revoked = await parts.ledger.execute(order(ORG, RevokeAccess(key=CRM)))
    quick.moved(ORG, version=revoked.org_version)
    await until(lambda: passed_on(quick))
    held.set()
    await reading
    assert (slow.discarded == 1) == floors
    assert (await version(quick, Reads(parts)) == revoked.org_version) == floors


async def test_news_that_comes_late_takes_no_floor_away(parts: Parts, world: World) -> None:
    """Version 1 is told of after version 3 (case 20)."""
    await parts.ledger.execute(registration(ORG))
    shared, reads = await world.sharer(), Reads(parts)
    for told in (3, 1):
        shared.moved(ORG, version=told)
        await until(lambda: passed_on(shared))
    assert await version(shared, reads) == 1  # the ledger itself has no more
    assert (shared.discarded, shared.hits) == (1, 0)


async def test_many_that_ask_at_once_cost_one_read(parts: Parts, world: World) -> None:
    """Single flight, over processes."""
    await parts.ledger.execute(registration(ORG))
    reads = Reads(parts)
    sharers = [await world.sharer() for _ in range(3)]
    assert await asyncio.gather(*(version(each, reads) for each in sharers)) == [1, 1, 1]
    assert reads.count == 1


async def test_who_knows_of_a_newer_version_is_not_given_an_older_one(
    parts: Parts, world: World
) -> None:
    """The consistency token reaches through the shared cache, whatever it was told."""
    await parts.ledger.execute(registration(ORG))
    shared, reads = await world.sharer(), Reads(parts)
    assert await version(shared, reads) == 1
    granted = await parts.ledger.execute(order(ORG, GrantAccess(key=CRM)))
    assert await version(shared, reads, at_least=granted.org_version) == granted.org_version


@pytest.mark.parametrize("looked_for", [True, False], ids=["heard", "mutant-trusting"])
async def test_what_nobody_heard_of_is_not_served_for_long(
    parts: Parts, world: World, monkeypatch: pytest.MonkeyPatch, looked_for: bool
) -> None:
    """Every process that heard of changes is gone; a change is made; others come.

    The mutant, for whom the word of the last of them never ends, serves what was (case 26).
    """
    monkeypatch.setattr(module, "HEARD_MS", 400 if looked_for else 400_000)
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.05)
    await parts.ledger.execute(registration(ORG, GrantAccess(key=CRM)))
    before = await world.sharer()
    assert await version(before, Reads(parts)) == 2
    await before.close()
    revoked = await parts.ledger.execute(order(ORG, RevokeAccess(key=CRM)))
    deadline = time.monotonic() + 1
    await until(lambda: time.monotonic() > deadline)
    deaf = await world.sharer(hears=False)
    assert (await version(deaf, Reads(parts)) == revoked.org_version) == looked_for
    world.position = 3  # further than anybody has passed on
    after = shared_orgs(
        world.settings, str(world.settings.redis_url), place=lambda: (world.position, True)
    )
    after.start()
    await until(lambda: passed_on(after))
    assert await version(after, Reads(parts)) == revoked.org_version
    await after.close()


class Deaf:
    """A client that overhears, while it talks to Redis, that it is to stop."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def register_script(self, script: str) -> "Deaf":
        return self

    async def __call__(self, **more: object) -> None:
        self.asked.set()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.2)

    async def aclose(self) -> None:
        """Nothing is open."""


async def test_a_client_that_overhears_it_does_not_keep_a_process_from_ending() -> None:
    redis = Deaf()
    shared = SharedOrgs(
        cast("Redis", redis),
        keys=Keys("deaf."),
        ttl_seconds=60,
        place=lambda: (0, True),
        monotonic=time.monotonic,
    )
    shared.start()
    await redis.asked.wait()

    async with asyncio.timeout(10):
        await shared.close()


async def test_while_redis_is_away_the_database_answers(world: World, redis: OwnRedis) -> None:
    """And a change that could not be passed on meanwhile is not served afterwards (case 21)."""
    one = await world.process()
    assert one.shared is not None
    shared = one.shared
    await one.ledger.execute(registration(ORG, GrantAccess(key=CRM)))
    await until(lambda: passed_on(shared))
    one.table.clear()
    await one.table.get(ORG)
    redis.stall()
    try:
        revoked = await one.ledger.execute(order(ORG, RevokeAccess(key=CRM)))
        assert (await one.table.get(ORG)).version == revoked.org_version
        await until(lambda: shared.problem is not None)
        assert "LEDGER_REDIS_URL" in shared.facts()["mend"]
        gc.collect()  # a connection that was not given back would say so here
        one.table.clear()
        assert (await one.table.get(ORG)).version == revoked.org_version
    finally:
        redis.go_on()
    await until(lambda: passed_on(shared))
    one.table.clear()
    assert (await one.table.get(ORG)).version == revoked.org_version
    redis.kill()
    one.table.clear()
    assert (await one.table.get(ORG)).version == revoked.org_version
    redis.start()
    await until(lambda: passed_on(shared))
    one.table.clear()
    await one.table.get(ORG)
    one.table.clear()
    hits = shared.hits
    assert (await one.table.get(ORG)).version == revoked.org_version
    assert shared.hits == hits + 1


async def test_an_org_is_read_anew_past_the_shared_cache(world: World, database: Database) -> None:
    """What `org refresh` is for."""
    one = await world.process()
    await one.ledger.execute(registration(ORG))
    shared = one.shared
    assert shared is not None
    await until(lambda: passed_on(shared))
    for act in (one.table.clear, partial(one.table.forget, ORG)):
        act()
        await one.table.get(ORG)
    assert shared.hits == 0


def test_an_address_that_cannot_be_understood_is_told(settings: Settings) -> None:
    with pytest.raises(SettingsProblem, match="LEDGER_REDIS_URL"):
        shared_orgs(settings, "http://nowhere", place=lambda: (0, True))


async def test_an_org_that_is_doubted_is_taken_out_for_everybody(world: World) -> None:
    """Or whoever comes later would find what somebody wanted read anew."""
    one = await world.process()
    await one.ledger.execute(registration(ORG))
    await until(partial(passed_on, one.shared))
    one.table.clear()
    await one.table.get(ORG)

    one.ears.refresh(ORG)
    await until(partial(passed_on, one.shared))

    later = await world.process()
    await later.table.get(ORG)
    assert later.shared is not None
    assert later.shared.hits == 0


async def test_what_cannot_be_read_is_read_from_the_database(world: World) -> None:
    """Left by another release, or damaged: Redis is never needed."""
    one = await world.process()
    made = await one.ledger.execute(registration(ORG, GrantAccess(key=CRM)))
    await until(partial(passed_on, one.shared))
    one.table.clear()
    await one.table.get(ORG)
    assert await world.damaged() == 1
    one.table.clear()

    assert (await one.table.get(ORG)).version == made.org_version


async def test_what_one_process_missed_of_kafka_is_no_matter_of_the_others(world: World) -> None:
    """The feed vouches for what is shared; only what the process itself holds goes."""
    one = await world.process()
    await one.ledger.execute(registration(ORG))
    await until(partial(passed_on, one.shared))
    one.table.clear()
    await one.table.get(ORG)
    assert one.shared is not None

    FromKafka(one.ears).start_over()
    assert one.table.held(ORG) is None
    await until(partial(passed_on, one.shared))
    await one.table.get(ORG)

    assert one.shared.hits == 1
