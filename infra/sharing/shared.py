"""Orgs in Redis: read by one process, served by all, and let go by whoever hears of a change.

Redis is never needed. Where it does not answer, orgs are read from the database, as they are while
this process does not hear of changes; and after any change that could not be passed on to it,
nothing that is in it is served any more.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain.ids import OrgId
from domain.org import Org
from infra.sharing.scripts import BEAT, FLIGHT_MS, FORGET, GET, HEARD_MS, MOVED, PUT, Keys
from projections import current
from projections.table import Read

MEND = "Start Redis, or correct LEDGER_REDIS_URL; orgs are read from the database until then."
BEAT_SECONDS = 1.0
_ANSWERS_WITHIN = 0.25  # seconds; the database is no slower
_REST_SECONDS = 1.0  # after it did not
_WAITS, _WAIT_SECONDS = 20, 0.01  # for another process that is reading
_MOST_MOVES = 100_000
_AT_ONCE = 500  # floors in one round trip

log = logging.getLogger("entitlements.sharing")


class SharedOrgs:
    """See `projections.table.Shared`.

    Args:
        place: up to which position of the log this process has heard of changes, and whether it
            hears of them now.
        monotonic: seconds on a clock that never steps back.
    """

    def __init__(
        self,
        redis: "Redis",
        *,
        keys: Keys,
        ttl_seconds: float,
        place: Callable[[], tuple[int, bool]],
        monotonic: Callable[[], float],
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._ttl_ms = int(ttl_seconds * 1000)
        self._place = place
        self._monotonic = monotonic
        self._get, self._put = redis.register_script(GET), redis.register_script(PUT)
        self._moved, self._beat = redis.register_script(MOVED), redis.register_script(BEAT)
        self._forget = redis.register_script(FORGET)
        self._moves: OrderedDict[OrgId, int] = OrderedDict()
        self._doubted: set[OrgId] = set()
        self._told = asyncio.Event()
        self._passed_on = 0
        self._gap = self._beaten = self._closing = False
        self._not_before = float("-inf")
        self._task: asyncio.Task[None] | None = None
        self.problem: str | None = None
        self.hits = 0
        self.misses = 0
        self.discarded = 0

    @property
    def hit_rate(self) -> float:
        """The share of reads that the database was spared."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0

    @property
    def settled(self) -> bool:
        """Whether everything that was heard has been passed on, and Redis knows that."""
        return self._beaten and not (self._gap or self._moves or self._doubted or self.problem)

    def facts(self) -> dict[str, Any]:
        """What a person on call wants to see, with what to do where something is wrong."""
        facts: dict[str, Any] = {
            "entitlement_cache_hit_rate": round(self.hit_rate, 4),
            "cache_refill_discarded_total": self.discarded,
        }
        if self.problem is not None:
            facts |= {"problem": f"Redis does not answer: {self.problem}", "mend": MEND}
        return facts

    def start(self) -> None:
        """Begin to pass on what moves; needs a running loop."""
        self._passed_on = self._place()[0]
        self._told.set()
        self._task = asyncio.create_task(self._run(), name="shared cache")

    async def close(self) -> None:
        """Stop; others go on, or nothing in Redis is served."""
        self._closing = True  # the library's own cleaning up may catch what cancels it
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()

    def moved(self, org: OrgId, *, version: int) -> None:
        """Leave a floor for an org, as soon as may be."""
        self._moves[org] = max(version, self._moves.get(org, 0))
        if len(self._moves) > _MOST_MOVES:
            self.start_over()
        self._told.set()

    def forget(self, org: OrgId) -> None:
        """Take an org out of Redis, because somebody doubts what is there."""
        self._doubted.add(org)
        self._told.set()

    def start_over(self) -> None:
        """What is in Redis may be of a log that is gone."""
        self._moves.clear()
        self._doubted.clear()
        self._gap = True
        self._told.set()

    async def get(
        self, org: OrgId, *, at_least: int, read: Callable[[], Awaitable[Org | None]]
    ) -> Read:
        """The org from Redis, or read by `read` and left there; never older than `at_least`."""
        era = None
        for _ in range(_WAITS):
            found = await self._ask(self._get, self._keys.of(org), [at_least, FLIGHT_MS])
            what = found[0].decode() if found else "closed"
            if what == "held":
                held = _readable(org, found[2])
                if held is None:
                    break
                self.hits += 1
                return Read(held, within=max(0, found[3]) / 1000)
            era = found[1].decode() if what == "read" else None
            if what != "wait":
                break
            await asyncio.sleep(_WAIT_SECONDS)
        self.misses += 1
        if era is None:
            return Read(await read(), within=None)
        org_read = None
        try:
            org_read = await read()
        finally:
            await self._fill(org, org_read, era=era)
        return Read(org_read, within=None)

    async def _fill(self, org: OrgId, found: Org | None, *, era: str) -> None:
        """Leave what was read, or let another read: what is nobody's, or held, is not shared."""
        values: list[Any] = ["", 0, b"", 1]
        if found is not None and found.held_by is None:
            values = [era, found.version, _written(found), self._ttl_ms]
        kept = await self._ask(self._put, self._keys.of(org), values)
        if kept == 0 and values[0]:
            self.discarded += 1

    async def _ask(self, script: Any, keys: list[str], values: list[Any]) -> Any:
        """What a script answers; None where Redis cannot be asked, or must not be trusted."""
        if self._gap or self._monotonic() < self._not_before:
            return None
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN):
                return await script(keys=keys, args=values)
        except (RedisError, OSError) as error:
            self._away(error)
            return None

    async def _run(self) -> None:
        while not self._closing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._told.wait()
            self._told.clear()
            try:
                await self._pass_on()
            except (RedisError, OSError) as error:
                self._gap, self._beaten = True, False
                self._away(error)
                await asyncio.sleep(_REST_SECONDS)

    async def _pass_on(self) -> None:
        """Floors first, then the word that everything up to here has one."""
        position, hears = self._place()
        gap, moves = self._gap, iter([*self._moves.items()])
        while some := list(islice(moves, _AT_ONCE)):
            await self._floors(some)
        await self._let_go()
        if hears:
            places = [self._passed_on, position, int(gap), HEARD_MS]
            async with asyncio.timeout(_ANSWERS_WITHIN):
                await self._beat(keys=[self._keys.heard, self._keys.era], args=places)
            self._passed_on, self._gap = position, self._gap and not gap
            self._beaten = True
        if self.problem is not None:
            log.info("Redis answers again.")
        self.problem, self._not_before = None, float("-inf")

    async def _floors(self, moves: Sequence[tuple[OrgId, int]]) -> None:
        """Leave floors for some orgs, in one round trip: an import moves thousands at once."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for org, version in moves:
                values = [version, self._ttl_ms]
                await self._moved(keys=self._keys.of(org), args=values, client=pipe)
            async with asyncio.timeout(_ANSWERS_WITHIN + len(moves) / 1_000):
                await pipe.execute()
        for org, version in moves:
            if self._moves.get(org) == version:
                del self._moves[org]

    async def _let_go(self) -> None:
        """Take out what is doubted."""
        for org in list(self._doubted):
            async with asyncio.timeout(_ANSWERS_WITHIN):
                await self._forget(keys=self._keys.of(org), args=[])
            self._doubted.discard(org)

    def _away(self, error: BaseException) -> None:
        self._not_before = self._monotonic() + _REST_SECONDS
        if self.problem is None:
            log.warning("Redis does not answer; orgs are read from the database: %r", error)
        self.problem = repr(error)


def _readable(org: OrgId, kept: bytes) -> Org | None:
    """The org as it was left; None for what another release, or damage, made of it."""
    try:
        return _org(org, kept)
    except (ValueError, KeyError, TypeError) as error:
        log.warning("what Redis holds of organisation %s cannot be read: %r", org, error)
        return None


def _written(org: Org) -> bytes:
    return b"%d %d " % (org.version, org.position) + current.written(org)


def _org(org: OrgId, entry: bytes) -> Org:
    version, position, state = entry.split(b" ", 2)
    return current.read(org, version=int(version), state=state, position=int(position))
