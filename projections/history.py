"""Histories from the log: one org's facts, and the catalog in force when they were asked about."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from domain.catalog import Catalog
from domain.catalog_document import read_catalog
from domain.facts import CatalogPublished, LedgerEvent
from domain.history import History, Recorded
from domain.ids import CATALOG_STREAM, OrgId, org_stream
from domain.instants import iso
from domain.refusals import NotYetKnown, UnknownOrg

Decode = Callable[[str, int, str, bytes], LedgerEvent]
"""Makes a fact of stream, version, topic and stored state."""


async def org_history(
    connection: AsyncConnection,
    org_id: OrgId,
    *,
    decode: Decode,
    known_at: datetime | None = None,
) -> History:
    """Every fact of an org that was recorded by `known_at` (that instant included).

    Raises:
        NotYetKnown: the org is one of a later time.
        UnknownOrg: the ledger knows no such org.
    """
    stream = org_stream(org_id)
    recorded = await recorded_in(connection, stream, decode=decode, known_at=known_at)
    if not recorded:
        first = await _first_recorded(connection, stream)
        if first is None or known_at is None:
            raise UnknownOrg(org_id)
        raise NotYetKnown(org_id, known_at=iso(known_at), first_recorded_at=iso(first))
    return History(org_id, recorded)


async def catalog_in_force(connection: AsyncConnection, *, at: datetime) -> UUID | None:
    """The id of the event that published the catalog in force at `at`; the first for any earlier.

    None before the first. What an event published never changes, so it need be read only once.
    """
    cursor = await connection.execute(
        """SELECT event_id FROM ledger.events WHERE stream = %s
            ORDER BY recorded_at <= %s DESC,
                     CASE WHEN recorded_at <= %s THEN -version ELSE version END LIMIT 1""",
        (CATALOG_STREAM, at, at),
        prepare=True,
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def catalog_published_as(connection: AsyncConnection, version: int) -> UUID | None:
    """The event that published one version of the catalog, None where there is none."""
    cursor = await connection.execute(
        "SELECT event_id FROM ledger.events WHERE stream = %s AND version = %s",
        (CATALOG_STREAM, version),
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def published_catalog(
    connection: AsyncConnection, event_id: UUID, *, decode: Decode
) -> Catalog:
    """The catalog that an event published."""
    cursor = await connection.execute(
        "SELECT stream, version, topic, state FROM ledger.events WHERE stream = %s"
        "   AND event_id = %s",
        (CATALOG_STREAM, event_id),
    )
    row = await cursor.fetchone()
    assert row is not None
    fact = decode(*row)
    assert isinstance(fact, CatalogPublished)
    return read_catalog(fact.document, version=fact.originator_version)


async def facts_since(
    connection: AsyncConnection, org_id: OrgId, version: int, *, limit: int = 20
) -> list[dict[str, Any]]:
    """What happened to an org after a version, the first few of it, as a caller is told."""
    cursor = await connection.execute(
        "SELECT version, topic, convert_from(state, 'UTF8')::json, recorded_at"
        " FROM ledger.events WHERE stream = %s AND version > %s ORDER BY version LIMIT %s",
        (org_stream(org_id), version, limit),
    )
    return [
        {
            "org_version": org_version,
            "type": topic,
            "actor": body.get("actor"),  # a newer version's fact may have none
            "reason": body.get("reason"),
            "recorded_at": iso(recorded_at),
        }
        for org_version, topic, body, recorded_at in await cursor.fetchall()
    ]


async def _first_recorded(connection: AsyncConnection, stream: str) -> datetime | None:
    cursor = await connection.execute(
        "SELECT recorded_at FROM ledger.events WHERE stream = %s ORDER BY version LIMIT 1",
        (stream,),
    )
    row = await cursor.fetchone()
    return row[0] if row else None


async def recorded_in(
    connection: AsyncConnection, stream: str, *, decode: Decode, known_at: datetime | None
) -> list[Recorded]:
    """Every fact of a stream that was recorded by `known_at`, in order."""
    cursor = await connection.execute(
        """SELECT position, recorded_at, version, topic, state FROM ledger.events
            WHERE stream = %s AND (%s::timestamptz IS NULL OR recorded_at <= %s)
            ORDER BY version""",
        (stream, known_at, known_at),
        prepare=True,
        binary=True,  # a long history is read in half the time
    )
    return [
        Recorded(position, recorded_at, decode(stream, version, topic, bytes(state)))
        for position, recorded_at, version, topic, state in await cursor.fetchall()
    ]
