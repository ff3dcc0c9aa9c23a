"""A connection as the product makes it: its time-outs, the clock at its end, and the catalog."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from psycopg import AsyncConnection

from domain.bypass import misnamed
from domain.catalog import Catalog
from infra.cli.checks.finding import Finding
from infra.store.connections import LIMITS, connect
from projections.shelf import newest_catalog

_APART_SECONDS = 2.0  # more than that between two clocks deserves a look


async def check_connection(
    url: str, *, wall: Callable[[], datetime], never: Sequence[str] = ()
) -> list[Finding]:
    """Findings about a connection as the product makes it: its time-outs, clock and catalog.

    `never` are the keys that must not be bypassed: the catalog has to know them.
    """
    connection = await connect(url)
    try:
        catalog = await newest_catalog(connection)
        return [
            await _time_outs(connection),
            await _clock(connection, wall=wall),
            _catalog(catalog),
            *(_unprotected(never, catalog) if catalog is not None else ()),
        ]
    finally:
        await connection.close()


async def _time_outs(connection: AsyncConnection) -> Finding:
    cursor = await connection.execute(
        "SELECT name, setting::bigint FROM pg_settings WHERE name = ANY(%s) ORDER BY name",
        (list(LIMITS),),
    )
    found: dict[str, int] = dict(await cursor.fetchall())
    told = ", ".join(f"{name} {value} ms" for name, value in found.items())
    if not all(found.values()):
        mend = "Something between here and the server drops settings; connect to it directly."
        return Finding.problem("time-outs", told, mend=mend)
    return Finding.ok("time-outs", told)


async def _clock(connection: AsyncConnection, *, wall: Callable[[], datetime]) -> Finding:
    before = wall()
    cursor = await connection.execute("SELECT clock_timestamp()")
    row = await cursor.fetchone()
    assert row is not None
    apart = (row[0] - (before + (wall() - before) / 2)).total_seconds()
    told = f"{abs(apart):.3f} s {'behind' if apart > 0 else 'ahead of'} the database's"
    if abs(apart) < _APART_SECONDS:
        return Finding.ok("clock", told)
    mend = "Synchronise both machines' clocks: tokens are judged by this one."
    return Finding.warn("clock", told, mend=mend)


def _catalog(catalog: Catalog | None) -> Finding:
    if catalog is None:
        mend = "The first start publishes one; or run 'entitlements catalog apply FILE'."
        return Finding.warn("catalog", "none was ever published", mend=mend)
    return Finding.ok("catalog", f"version {catalog.version}, {len(catalog.modules)} modules")


def _unprotected(never: Sequence[str], catalog: Catalog) -> Iterator[Finding]:
    mend = "Correct LEDGER_BYPASS_NEVER: until then this name keeps nothing from being bypassed."
    for sentence in misnamed(never, catalog):
        yield Finding.problem("never bypassed", sentence, mend=mend)
