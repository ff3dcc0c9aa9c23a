"""Whether this process can do its work, and how far behind each view is."""

import asyncio
import time
from typing import Any

import psycopg

from api.parts import Check
from domain.instants import from_iso
from domain.refusals import Refusal
from infra.kafka_readiness import kafka_check
from infra.migrations.run import newest_revision
from infra.propagation import Propagation
from infra.wiring import Parts
from projections.held import Held, held_orgs
from projections.relayed import Relayed, relayed
from projections.status import VIEWS, Following, following_views

_PATIENCE_SECONDS = 2.0
_ASK = """
    SELECT position, epoch, (SELECT version_num FROM ledger.alembic_version),
           (SELECT min(wake_at) FROM ledger.current_entitlements)
      FROM ledger.head
"""


async def readiness(parts: Parts, propagation: Propagation | None = None) -> list[Check]:
    """The checks, in the order a person on call would ask."""
    database = await _database(parts)
    behind = max(0, database.facts.get("position", 0) - parts.feed.position)
    following = database.facts.pop("following", {})
    wake = database.facts.pop("next_wake", None)
    held = database.facts.pop("held", Held(orgs=0, types=()))
    relay = database.facts.pop("relay", None)
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
        # A view that lags takes nobody out of rotation: no decision rests on it.
        Check(name="views", ok=True, facts=dict.fromkeys(VIEWS, _NO_LAG) | following),
        _ticker(parts, wake),
        *([kafka_check(propagation, relay)] if propagation else []),
        *(
            [Check(name="shared_cache", ok=True, facts=parts.shared.facts())]
            if parts.shared
            else []
        ),
        Check(
            name="orgs",
            ok=True,  # every other org is served as ever
            facts={"held_by_newer_version": held.orgs, "newer_types": list(held.types)},
        ),
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
            (position, epoch, revision, wake), following, held, relay = await asyncio.shield(asking)
    except (Refusal, psycopg.Error, TimeoutError) as error:
        problem = {"problem": "the database cannot be reached", "kind": type(error).__name__}
        return Check(name="database", ok=False, facts=problem)
    facts: dict[str, Any] = {
        "position": position,
        "ledger_epoch": epoch,
        "revision": revision,
        "following": {view.view: _lag(view.lag_events, view.lag_seconds) for view in following},
        "next_wake": wake,
        "held": held,
        "relay": relay,
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


async def _head(
    parts: Parts,
) -> tuple[tuple[int, int, str, str | None], list[Following], Held, Relayed | None]:
    async with parts.ledger.reading() as connection:
        cursor = await connection.execute(_ASK)
        row = await cursor.fetchone()
        following = await following_views(connection)
        held = await held_orgs(connection)
        relay = await relayed(connection)
    assert row is not None
    return (row[0], row[1], row[2], row[3]), following, held, relay


def _lag(events: int, seconds: float) -> dict[str, float]:
    return {"lag_events": events, "projection_lag_seconds": round(seconds, 3)}


_NO_LAG = _lag(0, 0.0)  # of what is written in the append's own transaction


def _look(asking: "asyncio.Task[Any]") -> None:
    """Take note of an error that comes too late for anybody to hear of."""
    if not asking.cancelled():
        asking.exception()
