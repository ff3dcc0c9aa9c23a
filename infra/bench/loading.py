"""Loading an org with a long history: from its events, or from its inline row."""

from itertools import cycle

from psycopg import AsyncConnection

from domain.ids import OrgId, Stream, org_id, org_stream
from domain.orders import Order
from domain.org import Org, rebuild
from infra.bench import samples
from infra.bench.figures import Figure, Target
from infra.bench.ground import Ground
from infra.bench.rounds import arm, closed_loop, in_turns, require
from infra.bench.taken import Taken
from infra.store.connections import connect
from infra.store.mapper import read_fact
from infra.wiring import Parts
from projections.orgs import fetch_org

PART = "load"
_ORG = org_id("100001")
_TARGET = Target(of="value", sense="at most", bound=1.0)


async def load(ground: Ground) -> list[Figure]:
    """The inline row against a rebuild."""
    where, sizes = ground.new_database(), ground.sizes
    async with ground.started(where) as parts:
        version = await _grow(parts, _ORG, events=sizes.history)
    from_events = f"rebuilt from {version:,} events"
    from_row = f"org with {version:,} events, from its row"
    connection = await connect(where.app_url)
    async with connection:
        whole, row = await _rebuilt(connection, _ORG), await fetch_org(connection, _ORG)
        require(row is not None and whole.grants == row.grants, row)
        arms = {
            from_events: arm(
                closed_loop, lambda _: _rebuilt(connection, _ORG), waiting=1, seconds=sizes.seconds
            ),
            from_row: arm(
                closed_loop, lambda _: fetch_org(connection, _ORG), waiting=1, seconds=sizes.seconds
            ),
        }
        taken = Taken(PART, await in_turns(arms, rounds=sizes.rounds, told=ground.told))
    return [taken.latency(from_row, 50, against=from_events, target=_TARGET)]


async def _grow(parts: Parts, org: OrgId, *, events: int) -> int:
    """Grant and revoke until there are so many events."""
    catalog = samples.shipped_catalog()
    answer = await parts.ledger.execute(samples.first_order(org, catalog))
    turns = cycle((samples.last_grant(catalog), samples.last_revoke(catalog)))
    while answer.org_version < events:
        order = Order(org=org, commands=next(turns), by=samples.BY)
        answer = await parts.ledger.execute(order)
    return answer.org_version


async def _rebuilt(connection: AsyncConnection, org: OrgId) -> Org:
    stream: Stream = org_stream(org)
    cursor = await connection.execute(
        "SELECT version, topic, state FROM ledger.events WHERE stream = %s ORDER BY version",
        (stream,),
        prepare=True,
    )
    rows = await cursor.fetchall()
    facts = (read_fact(stream, version, topic, state) for version, topic, state in rows)
    return rebuild(Org.blank(stream), facts)
