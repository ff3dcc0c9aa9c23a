"""Whether this process can do its work, and how far behind each view is."""

import asyncio
import time

import psycopg
from psycopg_pool import PoolTimeout

from api.parts import Check
from domain.refusals import Refusal
from infra.migrations.run import newest_revision
from infra.wiring import Parts

_PATIENCE_SECONDS = 2.0


async def readiness(parts: Parts) -> list[Check]:
    """The checks, in the order a person on call would ask."""
    database, head = await _database(parts)
    behind = max(0, head - parts.feed.position)
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
            ok=True,
            facts={  # written in the append's own transaction
                "current_entitlements": {"lag_events": 0},
                "legacy_enabled_modules": {"lag_events": 0},
            },
        ),
    ]


async def _database(parts: Parts) -> tuple[Check, int]:
    started = time.monotonic()
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            async with parts.ledger.reading() as connection:
                cursor = await connection.execute(
                    "SELECT position, epoch, (SELECT version_num FROM ledger.alembic_version)"
                    " FROM ledger.head"
                )
                row = await cursor.fetchone()
    except (Refusal, psycopg.Error, PoolTimeout, TimeoutError) as error:
        problem = {"problem": "the database cannot be reached", "kind": type(error).__name__}
        return Check(name="database", ok=False, facts=problem), 0
    assert row is not None
    position, epoch, revision = row
    facts = {
        "position": position,
        "ledger_epoch": epoch,
        "revision": revision,
        "milliseconds": round((time.monotonic() - started) * 1000, 1),
    }
    return Check(name="database", ok=revision == newest_revision(), facts=facts), position
