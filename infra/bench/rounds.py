"""Takes samples: closed loops of a few seconds, in turns, so that noise meets everyone alike."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from statistics import quantiles

from infra.bench.threads import in_thread


class Spoiled(Exception):
    """What was measured did not do what it should: its figures would mean nothing."""


def require(right: bool, what: object) -> None:
    """Go on only where the answer was right.

    Raises:
        Spoiled: it was not; says what came instead.
    """
    if not right:
        raise Spoiled(str(what))


@dataclass(slots=True)
class Sample:
    """So many acts in so many seconds; `latencies` in seconds, empty where none were taken."""

    count: int
    seconds: float
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Acts per second."""
        return self.count / self.seconds

    def milliseconds(self, percentile: int) -> float:
        """The latency that so many of a hundred acts kept within."""
        if len(self.latencies) == 1:
            return self.latencies[0] * 1000
        return quantiles(self.latencies, n=100, method="inclusive")[percentile - 1] * 1000


Arm = Callable[[], Awaitable[Sample]]

LONGEST_SECONDS = 120.0  # of one sample; whatever takes longer hangs


async def in_turns(
    arms: Mapping[str, Arm],
    *,
    rounds: int,
    warm_up: bool = True,
    told: Callable[[str], None] = lambda name: None,
) -> dict[str, list[Sample]]:
    """One sample of every arm in every round: A B C A B C …

    Args:
        warm_up: begin with a round that does not count.
        told: hears the name of each arm before its turn.

    Raises:
        TimeoutError: an arm did not come to its end.
    """
    taken: dict[str, list[Sample]] = {name: [] for name in arms}
    for number in range(rounds + warm_up):
        for name, arm in arms.items():
            told(name)
            async with asyncio.timeout(LONGEST_SECONDS):
                sample = await arm()
            if number >= warm_up:
                taken[name].append(sample)
    return taken


async def closed_loop(
    act: Callable[[int], Awaitable[object]], *, waiting: int, seconds: float
) -> Sample:
    """`waiting` tasks that act again as soon as they have their answer; each gets its number."""
    latencies: list[float] = []
    started = time.perf_counter()

    async def loop(number: int) -> None:
        before = time.perf_counter()
        while before - started < seconds:
            await act(number)
            after = time.perf_counter()
            latencies.append(after - before)
            before = after

    await asyncio.gather(*(loop(number) for number in range(waiting)))
    return Sample(len(latencies), time.perf_counter() - started, latencies)


async def threads_loop(act: Callable[[int], object], *, threads: int, seconds: float) -> Sample:
    """The same with threads; nothing else runs in this process meanwhile."""
    return await in_thread(_threads_loop, act, threads, seconds)


def _threads_loop(act: Callable[[int], object], threads: int, seconds: float) -> Sample:
    latencies: list[float] = []
    started = time.perf_counter()

    def loop(number: int) -> None:
        before = time.perf_counter()
        while before - started < seconds:
            act(number)
            after = time.perf_counter()
            latencies.append(after - before)
            before = after

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(loop, number) for number in range(threads)]:
            done.result()
    return Sample(len(latencies), time.perf_counter() - started, latencies)


async def once(act: Callable[[], Awaitable[int]]) -> Sample:
    """One act that tells how much it did."""
    started = time.perf_counter()
    count = await act()
    return Sample(count, time.perf_counter() - started)


def timed(act: Callable[[], object], *, times: int) -> Sample:
    """One act over and over without a pause, for what takes microseconds."""
    started = time.perf_counter()
    for _ in range(times):
        act()
    return Sample(times, time.perf_counter() - started)


def arm(function: Callable[..., Awaitable[Sample]], *values: object, **named: object) -> Arm:
    """An arm that calls `function` with these."""
    return partial(function, *values, **named)
