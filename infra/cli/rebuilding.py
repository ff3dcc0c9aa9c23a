"""What `entitlements views` does with the database."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from psycopg import AsyncConnection

from domain.facts import LedgerEvent
from domain.ids import Stream, org_id
from domain.refusals import UnknownOrg
from infra.cli.progress import progress
from infra.database import database
from infra.settings import Settings
from infra.store.connections import connect
from infra.store.mapper import UnknownFact, read_fact
from infra.wiring import prepare_database
from projections.rebuild import Rebuilt, count_events, rebuild_views
from projections.status import ViewStatus, head_position, status_of_views

T = TypeVar("T")


def rebuilt(*, org: str | None, dry_run: bool) -> Rebuilt:
    """What rebuilding one organisation's rows, or all, came to.

    Raises:
        UnknownOrg: the log has nothing about `org`.
    """
    named = org_id(org) if org is not None else None

    async def rebuild(connection: AsyncConnection) -> Rebuilt:
        total = None if named is not None else await count_events(connection)
        with progress("Rebuilding", total=total, unit="events") as told:
            return await rebuild_views(
                connection, read_fact=_known_fact, org_id=named, dry_run=dry_run, told=told
            )

    found = _over_connection(rebuild)
    if named is not None and not found.events:
        raise UnknownOrg(named)
    return found


def view_status() -> tuple[int, list[ViewStatus]]:
    """The end of the log, and how each view stands to it."""

    async def read(connection: AsyncConnection) -> tuple[int, list[ViewStatus]]:
        return await head_position(connection), await status_of_views(connection)

    return _over_connection(read)


def _known_fact(stream: Stream, version: int, topic: str, body: bytes) -> LedgerEvent | None:
    try:
        return read_fact(stream, version, topic, body)
    except UnknownFact:
        return None


def _over_connection(work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    async def run(url: str) -> T:
        connection = await connect(url, limits=False)
        try:
            return await work(connection)
        finally:
            await connection.close()

    with database(Settings.from_environment()) as where:
        prepare_database(where)
        return asyncio.run(run(where.app_url))
