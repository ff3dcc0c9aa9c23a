"""The catalog in force, read from the last fact of its stream."""

import json
from collections.abc import Callable

from psycopg import AsyncConnection

from domain.catalog import Catalog
from domain.catalog_document import read_catalog
from domain.ids import CATALOG_STREAM
from domain.refusals import Unavailable


async def newest_catalog(connection: AsyncConnection) -> Catalog | None:
    """The catalog that was published last, None before the first."""
    cursor = await connection.execute(
        "SELECT version, state FROM ledger.events WHERE stream = %s ORDER BY version DESC LIMIT 1",
        (CATALOG_STREAM,),
    )
    row = await cursor.fetchone()
    return read_catalog(json.loads(row[1])["document"], version=row[0]) if row else None


class Shelf:
    """Holds the catalog that this process works by."""

    def __init__(self) -> None:
        self._catalog: Catalog | None = None
        self.listeners: list[Callable[[Catalog], None]] = []

    @property
    def catalog(self) -> Catalog:
        """The catalog in force.

        Raises:
            Unavailable: none was ever published.
        """
        if self._catalog is None:
            raise Unavailable("No catalog has been published; run 'entitlements catalog apply'.")
        return self._catalog

    @property
    def version(self) -> int:
        """The version held, 0 for none."""
        return self._catalog.version if self._catalog else 0

    def put(self, catalog: Catalog | None, *, instead: bool = False) -> None:
        """Work by `catalog` from now on, unless a newer one is held.

        `instead` takes it whatever is held: the log is another one than it was.
        """
        if catalog is not None and (instead or catalog.version > self.version):
            self._catalog = catalog
            for listener in self.listeners:
                listener(catalog)
