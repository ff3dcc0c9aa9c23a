"""An org's state as of an instant, and how soon a commit is in the audit view."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

from domain.effective import effective_map
from domain.facts import AuditRead
from domain.ids import AUDIT_READS_STREAM, org_stream
from infra.bench.crowd import PART, Crowd
from infra.bench.figures import Figure, Target
from infra.bench.ground import Ground
from infra.bench.lives import STEADY, STEADY_EVENTS
from infra.bench.rounds import Sample, arm, closed_loop, in_turns, require
from infra.bench.samples import BY
from infra.bench.taken import Taken
from infra.collector import seldom_collecting
from infra.histories import Histories
from infra.store.connections import reading_pool
from infra.wiring import Parts
from projections.audit import audit_position

_AS_OF = Target(of="value", sense="at most", bound=25.0)
_FOLLOWED = Target(of="value", sense="at most", bound=25.0)
_PAUSE_SECONDS = 0.02  # between two commits, which is as often as people make them
_LOOK_SECONDS = 0.0005
_ROWS = "SELECT version, topic, state, recorded_at FROM ledger.events WHERE stream = %s"


async def as_of(ground: Ground, made: Crowd) -> list[Figure]:
    """From the log: the events, the catalog in force then, and every key judged by it."""
    async with reading_pool(made.where.app_url) as pool:
        histories = Histories(pool.connection)
        known = (await histories.of(STEADY)).recorded[-1].recorded_at + timedelta(days=1)
        version = (await histories.of(STEADY)).version
        require(version > 0.8 * min(STEADY_EVENTS, made.events // 20), version)

        async def judged(_: int) -> object:
            history = await histories.of(STEADY, known_at=known)
            catalog = await histories.catalog_at(known)
            return effective_map(history.lanes, catalog, known)

        async def rows(_: int) -> object:
            async with pool.connection() as connection:
                cursor = await connection.execute(_ROWS, (org_stream(STEADY),), prepare=True)
                return await cursor.fetchall()

        name, bare = f"an org with {version:,} events as of an instant", "its rows, read"
        loop = {"waiting": 1, "seconds": ground.sizes.seconds}
        arms = {bare: arm(closed_loop, rows, **loop), name: arm(closed_loop, judged, **loop)}
        few = ground.sizes.few_rounds
        with seldom_collecting():  # as in a server
            taken = Taken(PART, await in_turns(arms, rounds=few, told=ground.told))
    return [taken.latency(name, 50, against=bare, target=_AS_OF)]


async def followed(ground: Ground, made: Crowd) -> list[Figure]:
    """From the answer to a commit until the audit view has the event, in a process that serves."""
    name, bare = "a commit until its audit row", "a commit until the change feed"
    async with ground.started(made.where) as parts, parts.ledger.reading() as connection:

        async def in_view(position: int) -> bool:
            return await audit_position(connection) >= position

        async def told(position: int) -> bool:
            return parts.feed.position >= position

        seconds = ground.sizes.seconds * 2
        arms = {
            bare: arm(_noticed, parts, told, seconds=seconds),
            name: arm(_noticed, parts, in_view, seconds=seconds),
        }
        taken = Taken(PART, await in_turns(arms, rounds=ground.sizes.few_rounds, told=ground.told))
    return [
        taken.latency(name, 50, against=bare),
        taken.latency(name, 99, against=bare, target=_FOLLOWED),
    ]


async def _noticed(
    parts: Parts, there: Callable[[int], Awaitable[bool]], *, seconds: float
) -> Sample:
    latencies: list[float] = []
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        position = await parts.ledger.note(
            AUDIT_READS_STREAM, AuditRead, by=BY, query={}, export=False
        )
        committed = time.perf_counter()
        while not await there(position):  # noqa: ASYNC110 - it happens in the database
            await asyncio.sleep(_LOOK_SECONDS)
        latencies.append(time.perf_counter() - committed)
        await asyncio.sleep(_PAUSE_SECONDS)
    return Sample(len(latencies), time.perf_counter() - started, latencies)
