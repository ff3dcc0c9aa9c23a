"""Histories for HTTP and the command line: the log read and decoded, catalogs kept by version."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

from domain.catalog import Catalog, Key
from domain.history import History, Recorded
from domain.ids import OrgId
from domain.refusals import OrgHeldByNewerVersion, Unavailable
from infra.store.mapper import UnknownFact, read_fact
from infra.store.newer_facts import read_any_fact
from projections.audit import (
    AuditQuery,
    all_events,
    audit_position,
    catch_up,
    find_events,
    orgs_naming,
)
from projections.history import catalog_in_force, org_history


class Audit:
    """Reads the audit view.

    Args:
        reading: gives a connection to read with.
    """

    def __init__(self, reading: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
        self._reading = reading

    async def page(self, query: AuditQuery) -> tuple[list[Recorded], int]:
        """The events that match, and the position up to which the view knows everything."""
        async with self._reading() as connection:
            await catch_up(connection)
            known_to = await audit_position(connection)
            return await find_events(connection, query, decode=read_any_fact), known_to

    async def orgs_naming(self, keys: Sequence[Key], *, after: str, limit: int) -> list[OrgId]:
        """The orgs that ever had an event about one of `keys`, by id as text, after `after`."""
        async with self._reading() as connection:
            await catch_up(connection)
            return await orgs_naming(connection, keys, after=after, limit=limit)

    def everything(self, query: AuditQuery) -> AsyncIterator[list[Recorded]]:
        """Every event that matches, in pages."""
        return all_events(self._reading, query, decode=read_any_fact)


class Histories:
    """Reads what was so, and what was known.

    Args:
        reading: gives a connection to read with.
    """

    def __init__(self, reading: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
        self._reading = reading

    async def of(self, org_id: OrgId, *, known_at: datetime | None = None) -> History:
        """Every fact of an org that was recorded by `known_at`.

        Raises:
            UnknownOrg: the ledger knew no such org then.
            OrgHeldByNewerVersion: a newer version recorded something about it by then.
        """
        try:
            async with self._reading() as connection:
                return await org_history(connection, org_id, decode=read_fact, known_at=known_at)
        except UnknownFact as unknown:
            raise OrgHeldByNewerVersion(org_id, by=unknown.topic) from unknown

    async def catalog_at(self, at: datetime) -> Catalog:
        """The catalog in force at an instant, the first one for anything earlier."""
        async with self._reading() as connection:
            catalog = await catalog_in_force(connection, decode=read_fact, at=at)
        if catalog is None:
            raise Unavailable("No catalog has been published.")
        return catalog
