"""Histories from the log: one org's facts, and the catalog in force when they were asked about."""

from collections.abc import Callable
from datetime import datetime

from psycopg import AsyncConnection

from domain.catalog import Catalog
from domain.catalog_document import read_catalog
from domain.facts import CatalogPublished, LedgerEvent
from domain.history import History, Recorded
from domain.ids import CATALOG_STREAM, OrgId, org_stream
from domain.refusals import UnknownOrg

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
        UnknownOrg: the ledger knew no such org then.
    """
    recorded = await recorded_in(connection, org_stream(org_id), decode=decode, known_at=known_at)
    if not recorded:
        raise UnknownOrg(org_id)
    return History(org_id, recorded)


async def catalog_in_force(
    connection: AsyncConnection, *, decode: Decode, at: datetime
) -> Catalog | None:
    """The catalog published last by `at`; the first one for anything earlier."""
    cursor = await connection.execute(
        """SELECT stream, version, topic, state FROM ledger.events WHERE stream = %s
            ORDER BY recorded_at <= %s DESC,
                     CASE WHEN recorded_at <= %s THEN -version ELSE version END LIMIT 1""",
        (CATALOG_STREAM, at, at),
    )
    row = await cursor.fetchone()
    return None if row is None else _catalog(decode(*row))


async def catalog_of(
    connection: AsyncConnection, *, decode: Decode, version: int
) -> Catalog | None:
    """One version of the catalog."""
    cursor = await connection.execute(
        "SELECT stream, version, topic, state FROM ledger.events"
        " WHERE stream = %s AND version = %s",
        (CATALOG_STREAM, version),
    )
    row = await cursor.fetchone()
    return None if row is None else _catalog(decode(*row))


def _catalog(fact: LedgerEvent) -> Catalog:
    assert isinstance(fact, CatalogPublished)
    return read_catalog(fact.document, version=fact.originator_version)


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
    )
    return [
        Recorded(
            position=position,
            recorded_at=recorded_at,
            fact=decode(stream, version, topic, bytes(state)),
        )
        for position, recorded_at, version, topic, state in await cursor.fetchall()
    ]
