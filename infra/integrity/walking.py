"""Goes over the log in the database: every leaf and link up to the first break.

The database hashes, page by page and several at once; where a page is not right, it is hashed once
more here, to name what is wrong with it.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import replace
from typing import Any

from consumers.ahead import in_order
from domain.breaks import Break, version_gap
from domain.chain import Walk
from domain.entries import Page, Place
from projections.chain import End, entries, moved_to, sift, without_predecessor

PAGE = 5_000  # events; a server's loop is held for a few milliseconds by each
AT_ONCE = 2  # pages, each with a connection and a core of the database's
_SEARCHED = 100_000  # positions after a break in which a moved event is looked for

Reading = Callable[[], AbstractAsyncContextManager[Any]]
Told = Callable[[int], None]


async def walk_log(
    reading: Reading, end: End, *, told: Told, page_size: int = PAGE
) -> tuple[int, Break | None]:
    """How many events are right from the first one on, and what is wrong with the next."""
    if end.first is not None and end.first < 1:
        detail = f"An event stands at position {end.first}, before the beginning."
        return 0, Break(kind="order", position=end.first, detail=detail)
    walk = Walk()
    async with aclosing(_sifted(reading, until=end.position, size=page_size)) as pages:
        async for page, until in pages:
            broken = None
            if page is None or not walk.skip(page):
                broken = await _walked(reading, walk, until=until)
            if walk.unsure:
                broken = await _gap(reading, walk.unsure) or broken
            if broken is not None:
                return broken.position - 1, await _named(reading, walk, broken)
            told(walk.position)
    return walk.position, _wrong_end(walk, end)


def _sifted(
    reading: Reading, *, until: int, size: int
) -> AsyncGenerator[tuple[Page | None, int], None]:
    """Page after page with the position it should reach; the next ones are sifted meanwhile."""

    async def page(after: int) -> tuple[Page | None, int]:
        end = min(after + size, until)
        async with reading() as connection:
            return await sift(connection, after=after, until=end), end

    return in_order(range(0, until, size), page, at_once=AT_ONCE)


async def _walked(reading: Reading, walk: Walk, *, until: int) -> Break | None:
    """What is wrong with a page that does not seem right, found by hashing it once more here."""
    async with reading() as connection:
        rows = await entries(connection, after=walk.position, until=until)
    return walk.step(rows, until=until)


async def _gap(reading: Reading, unsure: list[Place]) -> Break | None:
    """The first of these events that does not follow the version before it."""
    async with reading() as connection:
        alone = await without_predecessor(connection, unsure)
    return next((version_gap(place, after=0) for place in unsure if place.position in alone), None)


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
