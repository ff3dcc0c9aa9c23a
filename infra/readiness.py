"""Whether this process can do its work, and how far behind each view is."""

import asyncio
import time
from typing import Any

import psycopg

from api.parts import Check
from domain.instants import from_iso
from domain.refusals import Refusal
from infra.migrations.run import newest_revision
from infra.wiring import Parts

_PATIENCE_SECONDS = 2.0
_MOST_LAG = 100_000  # events a following view may be behind before the process is not ready
_ASK = """
    SELECT position, epoch, (SELECT version_num FROM ledger.alembic_version),
           position - (SELECT position FROM ledger.followers WHERE view = 'audit'),
           (SELECT min(wake_at) FROM ledger.current_entitlements)
      FROM ledger.head
"""


async def readiness(parts: Parts) -> list[Check]:
    """The checks, in the order a person on call would ask."""
    database = await _database(parts)
    behind = max(0, database.facts.get("position", 0) - parts.feed.position)
    lag = database.facts.pop("audit_lag", 0)
    wake = database.facts.pop("next_wake", None)
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
        _gating(parts),
        Check(
            name="views",
            ok=lag <= _MOST_LAG,
            facts={
                "current_entitlements": {"lag_events": 0},  # written in the append's transaction
                "legacy_enabled_modules": {"lag_events": 0},
                "audit": {"lag_events": lag},
            },
        ),
        _ticker(parts, wake),
    ]


def _gating(parts: Parts) -> Check:
    """Not being able to read the rules is an alarm, and no reason to stop: the last ones hold."""
    gating = parts.gates.gating
    facts: dict[str, Any] = {
        "rollout_version": gating.version,
        "killed": gating.killed or gating.killed_here,
    }
    problem = parts.gates.problem or parts.switch.problem
    return Check(name="gating", ok=True, facts=facts | ({"problem": problem} if problem else {}))


async def _database(parts: Parts) -> Check:
    started = time.monotonic()
    asking = asyncio.create_task(_head(parts), name="readiness")
    asking.add_done_callback(_look)
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            # Shielded: a silent server would hold up even the end of what it was asked.
            position, epoch, revision, audit_lag, next_wake = await asyncio.shield(asking)
    except (Refusal, psycopg.Error, TimeoutError) as error:
        problem = {"problem": "the database cannot be reached", "kind": type(error).__name__}
        return Check(name="database", ok=False, facts=problem)
    facts: dict[str, Any] = {
        "position": position,
        "ledger_epoch": epoch,
        "revision": revision,
        "audit_lag": audit_lag,
        "next_wake": next_wake,
        "milliseconds": round((time.monotonic() - started) * 1000, 1),
    }
    return Check(name="database", ok=revision == newest_revision(), facts=facts)


def _ticker(parts: Parts, next_wake: str | None) -> Check:
    """How late boundaries are told; no decision waits for that, so it is always ready."""
    late = 0.0
    if next_wake is not None:
        late = max(0.0, (parts.clock.now() - from_iso(next_wake)).total_seconds())
    facts = {
        "running_here": parts.ticker.running,
        "next_wake": next_wake,
        "boundary_lag_seconds": round(late, 3),
    }
    return Check(name="ticker", ok=True, facts=facts)


async def _head(parts: Parts) -> tuple[int, int, str, int, str | None]:
    async with parts.ledger.reading() as connection:
        cursor = await connection.execute(_ASK)
        row = await cursor.fetchone()
    assert row is not None
    position, epoch, revision, audit_lag, next_wake = row
    return position, epoch, revision, audit_lag, next_wake


def _look(asking: "asyncio.Task[Any]") -> None:
    """Take note of an error that comes too late for anybody to hear of."""
    if not asking.cancelled():
        asking.exception()
