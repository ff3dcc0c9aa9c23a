"""Working ahead: several pieces of work under way at once, what they come to in order."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def in_order(
    things: Iterable[T], work: Callable[[T], Coroutine[Any, Any, R]], *, at_once: int
) -> AsyncGenerator[R, None]:
    """What `work` makes of each thing, in the order of the things.

    Work goes on, `at_once` pieces of it, while whoever asked is busy with what came before. Close
    it (`aclosing`) where it may be left early: what is under way is then cancelled, as it is when a
    piece of work raises.
    """
    begun = (asyncio.create_task(work(thing)) for thing in things)
    under_way: deque[asyncio.Task[R]] = deque()
    try:
        under_way.extend(islice(begun, at_once))
        while under_way:
            done = await under_way.popleft()
            under_way.extend(islice(begun, 1))
            yield done
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def all_of(works: Iterable[Awaitable[R]]) -> list[R]:
    """What each comes to; the first error of any is raised once all have come to an end."""
    ended = await asyncio.gather(*works, return_exceptions=True)
    return [_raised(each) for each in ended]


def _raised(ended: R | BaseException) -> R:
    if isinstance(ended, BaseException):
        raise ended
    return ended
