"""Databases with a long log in them, and what it takes to make their views from nothing."""

from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from infra.bench.figures import Figure, Target
from infra.bench.ground import Ground
from infra.bench.population import populate
from infra.bench.rounds import Sample, once, require
from infra.bench.taken import Taken
from infra.bench.threads import in_thread
from infra.database import Database
from infra.store.connections import connect
from infra.store.mapper import read_fact
from projections.rebuild import rebuild_views
from projections.rebuild_audit import rebuild_audit

PART = "audit"
_PURE_SQL = "one INSERT … SELECT of the same rows, indexes too"
_TARGET = Target(of="ratio", sense="at least", bound=0.2)
_SELECT = """
    CREATE SCHEMA reference;
    CREATE TABLE reference.audit (LIKE ledger.audit_entries INCLUDING ALL);
    CREATE TABLE reference.current (LIKE ledger.current_entitlements INCLUDING ALL);
    INSERT INTO reference.audit SELECT r.* FROM ledger.head, ledger.audit_rows(0, position) AS r;
    INSERT INTO reference.current (org, name, org_version, position, state, granted)
    SELECT org, name, org_version, position, state, granted FROM ledger.current_entitlements;
"""
_EMPTY = "TRUNCATE ledger.current_entitlements"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """A database, and how long its log and how many its orgs are."""

    where: Database
    events: int
    orgs: int


async def crowd(ground: Ground, *, events: int) -> tuple[Crowd, Figure]:
    """A database with such a log, and how quickly all of its views were rebuilt from it."""
    where = ground.new_database()
    told = _told(ground, f"a log of {events:,} events is written")
    filled = await in_thread(populate, where.owner_url, events=events, told=told)
    made = Crowd(where=where, events=events, orgs=filled.orgs)
    ground.told(_PURE_SQL)
    reference = await once(lambda: _pure_sql(made))
    rebuilt = await once(lambda: _rebuilt(made, ground))
    name = f"all views rebuilt from {events:,} events"
    samples: dict[str, list[Sample]] = {_PURE_SQL: [reference], name: [rebuilt]}
    figure = Taken(PART, samples).rate(name, against=_PURE_SQL, unit="events/s", target=_TARGET)
    return made, figure


async def _pure_sql(made: Crowd) -> int:
    await in_thread(_run, made.where, _SELECT)
    return made.events


async def _rebuilt(made: Crowd, ground: Ground) -> int:
    await in_thread(_run, made.where, _EMPTY)
    connection = await connect(made.where.app_url, limits=False)
    async with connection:
        rebuilt = await rebuild_views(
            connection, read_fact=read_fact, told=_told(ground, "inline views are folded")
        )
        require((rebuilt.compared, rebuilt.rewritten) == (made.orgs, made.orgs), rebuilt)
        events = await rebuild_audit(connection, told=_told(ground, "the audit view is filled"))
        require(events == made.events, events)
    await in_thread(_run, made.where, "DROP SCHEMA reference CASCADE")
    return events


def _told(ground: Ground, doing: str) -> Callable[[int], None]:
    return lambda events: ground.told(f"{doing}: {events:,}")


def _run(where: Database, statements: str) -> None:
    with psycopg.connect(where.owner_url) as connection:
        connection.execute(statements.encode())
