"""Walks the log in the database: every leaf and link up to the first break."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import replace
from typing import Any

from domain.chain import (
    Break,
    Entry,
    Walk,
    altered,
    chain_hash,
    leaf_hash,
    missing,
    time_falls,
    version_gap,
)
from domain.ids import OrgId
from domain.refusals import UnknownOrg
from projections.chain import (
    End,
    entries,
    moved_to,
    org_entries,
    org_view,
    read_end,
    without_predecessor,
)

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


async def walk_org(reading: Reading, org: OrgId) -> tuple[int, End, Break | None]:
    """How many events of an org are right, where the log ends, and what is wrong with the next.

    Raises:
        UnknownOrg: neither the log nor the view knows it.
    """
    async with reading() as connection:
        view = await org_view(connection, org)
        version, before, broken = 0, None, None
        while broken is None:
            page = await org_entries(connection, org, after=version, limit=PAGE)
            for previous, entry in page:
                broken = _wrong_in_stream(previous, entry, before=before)
                if broken is not None:
                    break
                version, before = entry.version, entry
            if len(page) < PAGE:
                break
        end = await read_end(connection)  # after the events, so that none of them is beyond it
    if view is None and before is None and broken is None:
        raise UnknownOrg(org)
    return version, end, broken or _wrong_org_end(view, before, end)


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


def _wrong_in_stream(previous: bytes | None, entry: Entry, *, before: Entry | None) -> Break | None:
    last = before.version if before else 0
    if entry.version != last + 1:
        return version_gap(entry, after=last)
    if previous is None:
        return missing(entry.position - 1, following=entry.position)
    if chain_hash(previous, leaf_hash(entry)) != entry.hash:
        return altered(entry)
    if before is not None and entry.position < before.position:
        detail = f"Version {entry.version} of stream '{entry.stream}' stands before version {last}."
        return Break(kind="order", position=entry.position, detail=detail)
    if before is not None and entry.micros < before.micros:
        return time_falls(entry)
    return None


def _wrong_org_end(view: tuple[int, int] | None, last: Entry | None, end: End) -> Break | None:
    if last is not None and last.position > end.position:
        detail = f"The head ends the log at {end.position}; this event stands behind it."
        return Break(kind="head_mismatch", position=last.position, detail=detail)
    version = last.version if last else 0
    if view is not None and view[0] > version:
        detail = f"The log has {version} events of it; its view was written with version {view[0]}."
        return Break(kind="missing", position=view[1], detail=detail)
    return None
