"""Reading orgs from the inline view: one, a page of them, or how many hold a key."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg import AsyncConnection

from domain.catalog import Key
from domain.ids import OrgId
from domain.org import Org
from domain.upcasts import known_topics
from projections import current

# The order is that of the index current_entitlements_listed: 2 before 10, whatever else ids are.
LIST = """
    SELECT org, name, org_version FROM ledger.current_entitlements
     WHERE (length(org), org) > (length(%(after)s), %(after)s COLLATE "C")
       AND (%(search)s = '' OR org = %(search)s OR name ILIKE %(pattern)s)
     ORDER BY length(org), org LIMIT %(limit)s
"""
WALK = """
    SELECT org, org_version, state FROM ledger.current_entitlements
     WHERE (length(org), org) > (length(%(after)s), %(after)s COLLATE "C")
     ORDER BY length(org), org LIMIT %(limit)s
"""
COLUMNS: LiteralString = """
    org, org_version, state, position,
    (SELECT e.topic FROM ledger.events e
      WHERE e.stream = 'org-' || org AND e.topic <> ALL(%(known)s)
      ORDER BY e.version DESC LIMIT 1)
"""  # as `org_read` takes them; `known` are the topics that this version knows
_FETCH = f"SELECT {COLUMNS} FROM ledger.current_entitlements WHERE org = ANY(%(orgs)s)"  # noqa: S608 - fixed
_PAGE_ORGS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgRow:
    """One line of the directory."""

    org: OrgId
    name: str
    org_version: int


async def fetch_org(connection: AsyncConnection, org_id: OrgId) -> Org | None:
    """One org with its version, as `fetch_orgs` reads it."""
    return next(iter(await fetch_orgs(connection, [org_id])), None)


async def fetch_orgs(connection: AsyncConnection, org_ids: Sequence[OrgId]) -> list[Org]:
    """Those of some orgs that there are, each with its version, in one statement.

    A fact of a newer version among its events holds an org, whatever its state looks like.
    """
    values = {"known": known_topics(), "orgs": list(org_ids)}
    cursor = await connection.execute(_FETCH, values, prepare=True)
    return [org_read(*row) for row in await cursor.fetchall()]


def org_read(org: str, version: int, state: bytes, position: int, newer: str | None) -> Org:
    """An org of its view row; `newer` is the topic of a fact that a newer version wrote."""
    read = current.read(OrgId(org), version=version, state=state, position=position)
    if newer is not None:
        read.held_by = newer
    return read


async def list_orgs(
    connection: AsyncConnection, *, search: str = "", after: str = "", limit: int = 50
) -> list[OrgRow]:
    """Orgs by id, from the one after `after`; `search` finds part of a name, or a whole id."""
    pattern = "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    cursor = await connection.execute(
        LIST, {"after": after, "search": search, "pattern": pattern, "limit": limit}
    )
    rows = await cursor.fetchall()
    return [OrgRow(org=OrgId(org), name=name, org_version=v) for org, name, v in rows]


async def walk_orgs(connection: AsyncConnection) -> AsyncIterator[Org]:
    """Every org, in pages, in the order of `list_orgs`."""
    after = ""
    while True:
        cursor = await connection.execute(WALK, {"after": after, "limit": _PAGE_ORGS})
        rows = await cursor.fetchall()
        if not rows:
            return
        for org, version, state in rows:
            yield current.read(OrgId(org), version=version, state=state)
        after = rows[-1][0]


async def live_grants_by_key(connection: AsyncConnection, *, at: datetime) -> Counter[Key]:
    """How many orgs hold a live grant of each key at `at`."""
    counts: Counter[Key] = Counter()
    async for org in walk_orgs(connection):
        counts.update({grant.key for grant in org.grants.values() if grant.live(at)})
    return counts
