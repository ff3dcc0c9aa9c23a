"""What `entitlements views` does with the database."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import TypeVar

from psycopg import AsyncConnection

from domain.facts import LedgerEvent
from domain.ids import OrgId, Stream, org_id
from domain.refusals import UnknownOrg
from infra.cli.progress import progress
from infra.database import database
from infra.settings import Settings
from infra.store.connections import connect
from infra.store.mapper import UnknownFact, read_fact
from infra.wiring import prepare_database
from projections.audit import audit_position
from projections.rebuild import Rebuilt, count_events, rebuild_views
from projections.rebuild_audit import differing_in_audit, rebuild_audit
from projections.status import (
    AUDIT,
    CURRENT,
    LEGACY,
    VIEWS,
    Following,
    ViewStatus,
    count_audit,
    following_views,
    head_position,
    status_of_views,
)

T = TypeVar("T")
VIEWS_BY_NAME = {"current": CURRENT, "legacy": LEGACY}  # as they are typed


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRebuilt:
    """The audit view: so many events made anew, or (dry run) how many it has otherwise."""

    events: int
    differing: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    """What rebuilding came to; None: not asked for."""

    inline: Rebuilt | None
    audit: AuditRebuilt | None

    @property
    def differs(self) -> bool:
        """Whether anything was not what the log says."""
        inline, audit = self.inline, self.audit
        return bool(
            (inline and (inline.rewritten or inline.dropped)) or (audit and audit.differing)
        )


def rebuilt(*, view: str | None, org: str | None, dry_run: bool) -> Everything:
    """Rebuild one view or all; of the inline ones, one organisation's rows or all.

    Raises:
        UnknownOrg: the log has nothing about `org`.
    """
    named = org_id(org) if org is not None else None
    inline = VIEWS if view is None else [VIEWS_BY_NAME[view]] if view in VIEWS_BY_NAME else []
    audit = view in (None, AUDIT) and named is None

    async def rebuild(connection: AsyncConnection) -> Everything:
        return Everything(
            inline=await _inline(connection, inline, org=named, dry_run=dry_run)
            if inline
            else None,
            audit=await _audit(connection, dry_run=dry_run) if audit else None,
        )

    found = _over_connection(rebuild)
    if named is not None and found.inline is not None and not found.inline.events:
        raise UnknownOrg(named)
    return found


async def _inline(
    connection: AsyncConnection, views: Collection[str], *, org: OrgId | None, dry_run: bool
) -> Rebuilt:
    total = None if org is not None else await count_events(connection)
    with progress("Rebuilding", total=total, unit="events") as told:
        return await rebuild_views(
            connection,
            read_fact=_known_fact,
            views=views,
            org_id=org,
            dry_run=dry_run,
            told=told,
        )


async def _audit(connection: AsyncConnection, *, dry_run: bool) -> AuditRebuilt:
    if dry_run:
        differing = await differing_in_audit(connection)
        return AuditRebuilt(events=await audit_position(connection), differing=differing)
    total = await head_position(connection)
    with progress("Rebuilding audit", total=total, unit="events") as told:
        return AuditRebuilt(events=await rebuild_audit(connection, told=told))


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The end of the log, the inline views, and those that follow; rows of the audit view."""

    position: int
    inline: list[ViewStatus]
    following: list[Following]
    audit_rows: int

    @property
    def broken(self) -> bool:
        """Whether rows are missing, behind or nobody's; a view that lags is not."""
        reached = {view.view: view.position for view in self.following}
        return self.audit_rows != reached.get(AUDIT) or any(
            row.missing or row.behind or row.strays for row in self.inline
        )


def view_status() -> Status:
    """How each view stands to the log, at one moment."""

    async def read(connection: AsyncConnection) -> Status:
        async with connection.transaction():
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            return Status(
                position=await head_position(connection),
                inline=await status_of_views(connection),
                following=await following_views(connection),
                audit_rows=await count_audit(connection),
            )

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
