"""Histories for HTTP and the command line: the log read and decoded, catalogs kept by version."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.catalog import Catalog, Key
from domain.history import History, Recorded
from domain.ids import OrgId
from domain.refusals import Unavailable
from infra.store.any_fact import read_any_fact
from infra.store.mapper import read_fact
from projections.audit import (
    all_events,
    audit_position,
    catch_up,
    catch_up_wholly,
    find_events,
    orgs_naming,
)
from projections.audit_pages import AuditQuery
from projections.history import catalog_in_force, org_history, published_catalog

_MOST_CATALOGS = 16  # kept; the shipped one takes a megabyte or so


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

    async def caught_up(self) -> None:
        """Wait until the view has all that is in the log by now. Raises as `everything`."""
        await catch_up_wholly(self._reading)

    async def orgs_naming(self, keys: Sequence[Key], *, after: str, limit: int) -> list[OrgId]:
        """The orgs that ever had an event about one of `keys`, by id as text, after `after`."""
        async with self._reading() as connection:
            await catch_up(connection)
            return await orgs_naming(connection, keys, after=after, limit=limit)

    async def everything(self, query: AuditQuery) -> AsyncIterator[list[Recorded]]:
        """Every event there is by now that matches, in pages.

        Raises:
            Unavailable: the view cannot be brought on to the end of the log.
        """
        await self.caught_up()
        return all_events(self._reading, query, decode=read_any_fact)


class Histories:
    """Reads what was so, and what was known.

    Args:
        reading: gives a connection to read with.
    """

    def __init__(self, reading: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
        self._reading = reading
        self._catalogs: dict[UUID, Catalog] = {}  # by the event that published them

    async def of(self, org_id: OrgId, *, known_at: datetime | None = None) -> History:
        """Every fact of an org that was recorded by `known_at`.

        Raises:
            UnknownOrg: the ledger knew no such org then.
        """
        async with self._reading() as connection:
            return await org_history(connection, org_id, decode=read_fact, known_at=known_at)

    async def catalog_at(self, at: datetime) -> Catalog:
        """The catalog in force at an instant, the first one for anything earlier."""
        async with self._reading() as connection:
            event_id = await catalog_in_force(connection, at=at)
            if event_id is None:
                raise Unavailable("No catalog has been published.")
            if event_id not in self._catalogs:
                found = await published_catalog(connection, event_id, decode=read_fact)
                self._keep(event_id, found)
            return self._catalogs[event_id]

    def _keep(self, event_id: UUID, catalog: Catalog) -> None:
        while len(self._catalogs) >= _MOST_CATALOGS:
            del self._catalogs[next(iter(self._catalogs))]
        self._catalogs[event_id] = catalog
