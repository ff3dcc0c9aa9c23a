"""Walks the log in the database: every leaf and link up to the first break."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import replace
from typing import Any

from domain.chain import Break, Entry, Walk, version_gap
from projections.chain import End, entries, moved_to, without_predecessor

PAGE = 1_000  # events hashed between two awaits: a few milliseconds
_SEARCHED = 100_000  # positions after a break in which a moved event is looked for

Reading = Callable[[], AbstractAsyncContextManager[Any]]
Told = Callable[[int], None]


async def walk_log(reading: Reading, end: End, *, told: Told) -> tuple[int, Break | None]:
    """How many events are right from the first one on, and what is wrong with the next."""
    if end.first is not None and end.first < 1:
        detail = f"An event stands at position {end.first}, before the beginning."
        return 0, Break(kind="order", position=end.first, detail=detail)
    walk = Walk()
    async with aclosing(_pages(reading, until=end.position)) as pages:
        async for page, until in pages:
            broken = walk.step(page, until=until)
            if walk.unsure:
                broken = await _gap(reading, walk.unsure) or broken
            if broken is not None:
                return walk.position, await _named(reading, walk, broken)
            told(walk.position)
    return walk.position, _wrong_end(walk, end)


async def _pages(reading: Reading, *, until: int) -> AsyncGenerator[tuple[list[Entry], int], None]:
    """Page after page with the position it should reach; the next is fetched meanwhile."""

    async def fetch(after: int) -> list[Entry]:
        async with reading() as connection:
            return await entries(connection, after=after, until=min(after + PAGE, until))

    fetching = asyncio.create_task(fetch(0))
    try:
        for after in range(0, until, PAGE):
            page = await fetching
            if after + PAGE < until:
                fetching = asyncio.create_task(fetch(after + PAGE))
                await asyncio.sleep(0)  # so that the database is asked before we go on hashing
            yield page, min(after + PAGE, until)
    finally:
        fetching.cancel()
        with suppress(asyncio.CancelledError):
            await fetching


async def _gap(reading: Reading, unsure: list[Entry]) -> Break | None:
    """The first of these events that does not follow the version before it."""
    async with reading() as connection:
        alone = await without_predecessor(connection, unsure)
    return next((version_gap(entry, after=0) for entry in unsure if entry[0] in alone), None)


async def _named(reading: Reading, walk: Walk, broken: Break) -> Break:
    """The break, or the more telling one that the event of that position stands elsewhere."""
    if broken.kind not in ("altered", "missing"):
        return broken
    position = broken.position
    async with reading() as connection:
        moved = await moved_to(connection, position, previous=walk.hash, until=position + _SEARCHED)
    if moved is None:
        return broken
    detail = f"The event that was recorded at position {position} stands at {moved}."
    return replace(broken, kind="order", detail=detail)


def _wrong_end(walk: Walk, end: End) -> Break | None:
    if end.last is not None and end.last > end.position:
        detail = f"The head ends the log at {end.position}, and an event stands at {end.last}."
        return Break(kind="head_mismatch", position=end.position + 1, detail=detail)
    if walk.hash != end.hash:
        detail = f"The head has another hash than position {end.position}."
        return Break(kind="head_mismatch", position=end.position, detail=detail)
    if end.micros < walk.micros:
        detail = f"The head bears an earlier time than position {end.position}."
        return Break(kind="head_mismatch", position=end.position, detail=detail)
    return None
