"""What the database finds right by itself is what hashing it here finds right."""

import pytest
from psycopg import AsyncConnection, sql

from domain.chain import Walk
from domain.entries import Page
from projections.chain import entries, read_end, sift
from tests.infra.integrity.world import log

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("after", "size"), [(0, 1), (0, 100), (1, 1), (99, 101), (0, 10_000)])
async def test_a_right_page_is_found_right(forger: AsyncConnection, after: int, size: int) -> None:
    """By its first event as by any other, and with what the walk needs to go on."""
    end = await read_end(forger)
    until = min(after + size, end.position)
    rows = await entries(forger, after=after, until=until)

    page = await sift(forger, after=after, until=until)

    assert page is not None
    last = rows[-1]
    assert page[:3] == (last.position, last.hash, last.micros)
    assert list(page.streams) == [row.stream for row in rows]
    assert list(page.versions) == [row.version for row in rows]


async def test_a_page_that_reaches_beyond_the_end_is_not(forger: AsyncConnection) -> None:
    """Something is missing from it."""
    end = await read_end(forger)

    assert await sift(forger, after=0, until=end.position + 1) is None
    assert await sift(forger, after=end.position, until=end.position + 1) is None


async def test_hashing_it_here_comes_to_the_same(forger: AsyncConnection) -> None:
    """Nobody has to believe the database."""
    rows, skipped, walked = await log(forger), Walk(), Walk()
    page = await sift(forger, after=0, until=len(rows))
    assert isinstance(page, Page)

    assert skipped.skip(page)
    assert walked.step(rows, until=len(rows)) is None

    assert (skipped.position, skipped.hash, skipped.micros) == (
        walked.position,
        walked.hash,
        walked.micros,
    )


async def test_a_function_that_somebody_put_in_the_way_is_not_called(
    forger: AsyncConnection,
) -> None:
    """The names in the question are PostgreSQL's own, whatever the path says."""
    await forger.execute(
        "CREATE FUNCTION public.sha256(bytea) RETURNS bytea LANGUAGE sql IMMUTABLE AS "
        "$$ SELECT repeat('x', 32)::bytea $$"
    )
    await forger.execute("UPDATE ledger.events SET hash = repeat('x', 32)::bytea")
    await forger.execute("SET search_path = public, pg_catalog")

    assert await sift(forger, after=0, until=10) is None


NULLABLE = ["stream", "version", "event_id", "topic", "recorded_at", "state", "hash"]


@pytest.mark.parametrize("column", NULLABLE)
async def test_what_is_nothing_is_not_right(forger: AsyncConnection, column: str) -> None:
    """Compared with nothing, nothing is ever wrong, unless one asks whether it is right."""
    alter = "ALTER TABLE ledger.events ALTER {} DROP NOT NULL"
    await forger.execute(sql.SQL(alter).format(sql.Identifier(column)))
    update = "UPDATE ledger.events SET {} = NULL WHERE position = 7"
    await forger.execute(sql.SQL(update).format(sql.Identifier(column)))

    assert await sift(forger, after=0, until=7) is None
    assert await sift(forger, after=0, until=10) is None
    broken = Walk().step(await entries(forger, after=0, until=10), until=10)
    assert broken is not None
    assert (broken.kind, broken.position) == ("altered", 7)
