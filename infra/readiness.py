"""Whether this process can do its work, and how far behind each view is."""

import asyncio
import time
from typing import Any

import psycopg

from api.parts import Check
from domain.refusals import Refusal
from infra.migrations.run import newest_revision
from infra.wiring import Parts
from projections.held import Held, held_orgs

_PATIENCE_SECONDS = 2.0
_MOST_LAG = 100_000  # events a following view may be behind before the process is not ready
_ASK = """
    SELECT position, epoch, (SELECT version_num FROM ledger.alembic_version),
           position - (SELECT position FROM ledger.followers WHERE view = 'audit')
      FROM ledger.head
"""


async def readiness(parts: Parts) -> list[Check]:
    """The checks, in the order a person on call would ask."""
    database = await _database(parts)
    behind = max(0, database.facts.get("position", 0) - parts.feed.position)
    lag = database.facts.pop("audit_lag", 0)
    held = database.facts.pop("held", Held(orgs=0, types=()))
    return [
        database,
        Check(
            name="feed",
            ok=parts.feed.current(),
            facts={"position": parts.feed.position, "behind_events": behind},
        ),
        Check(
            name="catalog",
            ok=parts.shelf.version > 0,
            facts={"catalog_version": parts.shelf.version},
        ),
        Check(
            name="views",
            ok=lag <= _MOST_LAG,
            facts={
                "current_entitlements": {"lag_events": 0},  # written in the append's transaction
                "legacy_enabled_modules": {"lag_events": 0},
                "audit": {"lag_events": lag},
            },
        ),
        Check(
            name="orgs",
            ok=True,  # every other org is served as ever
            facts={"held_by_newer_version": held.orgs, "newer_types": list(held.types)},
        ),
    ]


async def _database(parts: Parts) -> Check:
    started = time.monotonic()
    asking = asyncio.create_task(_head(parts), name="readiness")
    asking.add_done_callback(_look)
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            # Shielded: a silent server would hold up even the end of what it was asked.
            position, epoch, revision, audit_lag, held = await asyncio.shield(asking)
    except (Refusal, psycopg.Error, TimeoutError) as error:
        problem = {"problem": "the database cannot be reached", "kind": type(error).__name__}
        return Check(name="database", ok=False, facts=problem)
    facts: dict[str, Any] = {
        "position": position,
        "ledger_epoch": epoch,
        "revision": revision,
        "audit_lag": audit_lag,
        "held": held,
        "milliseconds": round((time.monotonic() - started) * 1000, 1),
    }
    return Check(name="database", ok=revision == newest_revision(), facts=facts)


async def _head(parts: Parts) -> tuple[int, int, str, int, Held]:
    async with parts.ledger.reading() as connection:
        cursor = await connection.execute(_ASK)
        row = await cursor.fetchone()
        held = await held_orgs(connection)
    assert row is not None
    position, epoch, revision, audit_lag = row
    return position, epoch, revision, audit_lag, held


def _look(asking: "asyncio.Task[Any]") -> None:
    """Take note of an error that comes too late for anybody to hear of."""
    if not asking.cancelled():
        asking.exception()
