"""Rebuilding the inline views of every org from the log."""

import psycopg

from infra.bench.figures import Figure
from infra.bench.ground import Ground
from infra.bench.importing import import_lines
from infra.bench.legacy_rows import legacy_lines
from infra.bench.rounds import Sample, arm, in_turns, once, require
from infra.bench.samples import shipped_catalog
from infra.bench.taken import Taken
from infra.bench.threads import in_thread
from infra.database import Database
from infra.store.connections import connect
from infra.store.mapper import read_fact
from projections.rebuild import rebuild_views

PART = "rebuild"
_WRITING = "views rebuilt, every row written"
_COMPARING = "views rebuilt, every row right already"
_PURE_SQL = "one INSERT … SELECT of a row per org"
_SELECT = """
    DROP TABLE IF EXISTS public.views;
    CREATE TABLE public.views (
        org text COLLATE "C" PRIMARY KEY, version bigint, position bigint, events text
    );
    INSERT INTO public.views
    SELECT substr(stream, 5), max(version), max(position),
           string_agg(convert_from(state, 'UTF8'), ',' ORDER BY version)
      FROM ledger.events WHERE stream LIKE 'org-%' GROUP BY stream
"""
_EMPTY = "TRUNCATE ledger.current_entitlements"


async def rebuild(ground: Ground) -> list[Figure]:
    """Of the imported orgs, against one statement that reads the same events."""
    where = ground.new_database()
    _, lines = legacy_lines(ground.sizes.imported_orgs, catalog=shipped_catalog())
    async with ground.started(where) as parts:
        orgs = await import_lines(parts, lines)
    arms = {
        _PURE_SQL: arm(_pure_sql, where, orgs=orgs),
        _WRITING: arm(_rebuilt, where, orgs=orgs, emptied=True),
        _COMPARING: arm(_rebuilt, where, orgs=orgs, emptied=False),
    }
    samples = await in_turns(arms, rounds=ground.sizes.few_rounds, warm_up=False, told=ground.told)
    events = await in_thread(_count, where)
    by_event = {
        name: [Sample(events, sample.seconds) for sample in taken]
        for name, taken in samples.items()
    }
    return [
        Taken(PART, samples).rate(_WRITING, against=_PURE_SQL, unit="orgs/s"),
        Taken(PART, by_event).rate(_WRITING, against=_PURE_SQL, unit="events/s"),
        Taken(PART, samples).rate(_COMPARING, against=_PURE_SQL, unit="orgs/s"),
    ]


async def _rebuilt(where: Database, *, orgs: int, emptied: bool) -> Sample:
    if emptied:
        await in_thread(_run, where, _EMPTY)
    connection = await connect(where.app_url, limits=False)
    async with connection:

        async def all_orgs() -> int:
            rebuilt = await rebuild_views(connection, read_fact=read_fact)
            wanted = (orgs, orgs if emptied else 0)
            require((rebuilt.compared, rebuilt.rewritten) == wanted, rebuilt)
            return orgs

        return await once(all_orgs)


async def _pure_sql(where: Database, *, orgs: int) -> Sample:
    async def select() -> int:
        await in_thread(_run, where, _SELECT)
        return orgs

    return await once(select)


def _run(where: Database, statements: str) -> None:
    with psycopg.connect(where.owner_url) as connection:
        connection.execute(statements.encode())


def _count(where: Database) -> int:
    with psycopg.connect(where.owner_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM ledger.events WHERE stream LIKE 'org-%'"
        ).fetchone()
    assert row is not None
    return int(row[0])
