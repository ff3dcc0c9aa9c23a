"""Verifying and signing on the command line: over the database and the data directory."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from domain.checkpoint import Checkpoint, CheckpointPage
from domain.ids import org_id
from domain.verified import Verified
from infra.cli.progress import progress
from infra.clock import wall_clock
from infra.database import database
from infra.integrity.checkpoints import CheckpointFile
from infra.integrity.keeper import Keeper
from infra.integrity.turn import alone
from infra.integrity.verifying import page_of, verify_log, verify_org
from infra.integrity.walking import AT_ONCE, Reading
from infra.settings import Settings
from infra.store.connections import reading_pool
from infra.wiring import prepare_database
from projections.status import head_position

T = TypeVar("T")


def verified(*, org: str | None) -> tuple[Verified, float]:
    """What verifying one org's events, or the whole log, came to, and how many seconds it took."""
    named = org_id(org) if org is not None else None
    settings = Settings.from_environment()

    async def verify(reading: Reading) -> tuple[Verified, float]:
        started = time.monotonic()
        if named is not None:
            return await verify_org(reading, named), time.monotonic() - started
        async with reading() as connection:
            total = await head_position(connection)
        kept = CheckpointFile(settings.data_dir)
        with progress("Verifying", total=total, unit="events") as told:
            found = await verify_log(reading, checkpoints=kept, told=told)
        return found, time.monotonic() - started

    return _over_connection(settings, verify)


def signed(*, restored: bool) -> Checkpoint | None:
    """Sign the end of the log; None when that was done already."""
    settings = Settings.from_environment()

    async def sign(reading: Reading) -> Checkpoint | None:
        return await Keeper(reading, directory=settings.data_dir).sign(restored=restored)

    return _over_connection(settings, sign)


def page(*, after: int, limit: int) -> CheckpointPage:
    """A page of the checkpoints in the data directory."""
    kept = CheckpointFile(Settings.from_environment().data_dir)
    return page_of(kept, after=after, limit=limit)


def rotated() -> str:
    """Make a new signing key; answers its id."""
    directory = Settings.from_environment().data_dir

    async def rotate() -> str:
        async with alone(directory):
            return CheckpointFile(directory).rotate(now=wall_clock())

    directory.mkdir(parents=True, exist_ok=True)
    return asyncio.run(rotate())


def _over_connection(settings: Settings, work: Callable[[Reading], Awaitable[T]]) -> T:
    async def run(url: str) -> T:
        async with reading_pool(url, size=AT_ONCE) as pool:
            return await work(pool.connection)

    with database(settings) as where:
        prepare_database(where)
        return asyncio.run(run(where.app_url))
