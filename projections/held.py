"""Orgs that a newer version wrote something about: this one serves what it knows, and no more."""

from dataclasses import dataclass

from psycopg import AsyncConnection

from domain.upcasts import known_topics

# The few types there are, each found by one look into the index; no event is read but the held.
_HELD = """
    WITH RECURSIVE types (type) AS (
        (SELECT type FROM ledger.audit_entries ORDER BY type LIMIT 1)
        UNION ALL
        SELECT (SELECT a.type FROM ledger.audit_entries a WHERE a.type > t.type
                 ORDER BY a.type LIMIT 1)
          FROM types t WHERE t.type IS NOT NULL
    ), newer AS (
        SELECT type FROM types WHERE type IS NOT NULL AND type <> ALL(%s)
    )
    SELECT (SELECT coalesce(array_agg(type ORDER BY type), '{}') FROM newer),
           (SELECT count(DISTINCT a.org) FROM newer JOIN ledger.audit_entries a USING (type))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """How many orgs are held, and by facts of which types."""

    orgs: int
    types: tuple[str, ...]


async def held_orgs(connection: AsyncConnection) -> Held:
    """The orgs that are held, as far as the audit view has come."""
    cursor = await connection.execute(_HELD, (known_topics(),), prepare=True)
    row = await cursor.fetchone()
    assert row is not None
    return Held(types=tuple(row[0]), orgs=row[1])
