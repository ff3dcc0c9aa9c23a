"""Connections: as the application's role, under its time-outs, and to a server that is safe."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, sql
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from infra.database import Database
from infra.postgres.binaries import find
from infra.postgres.embedded import EmbeddedPostgres
from infra.store.connections import UnsafeDatabase, connect, reading_pool, refuse_unsafe
from tests.infra.postgres.world import eventually, is_over
from tests.infra.store.world import Connection, until

OLDER = {
    "lock_timeout": "2s",
    "statement_timeout": "5s",
    "idle_in_transaction_session_timeout": "5s",
}
NEWER = OLDER | {"transaction_timeout": "5s"}


@pytest.fixture(scope="module")
def database(module_database: Database) -> Database:
    """Nothing is written here."""
    return module_database


@pytest.fixture
def time_outs(app: Connection) -> dict[str, str]:
    """Those that this server knows, with the values they must have."""
    return NEWER if app.info.server_version >= 170000 else OLDER


async def shown(connection: AsyncConnection[Any], *names: str) -> dict[str, str]:
    """What the server says these settings are."""
    found = {}
    for name in names:
        row = await (
            await connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name)))
        ).fetchone()
        assert row is not None
        found[name] = row[0]
    return found


@pytest.mark.anyio
@pytest.mark.parametrize("url", ["app_url", "owner_url"])
async def test_a_connection_is_the_applications_and_has_its_time_outs(
    database: Database, time_outs: dict[str, str], url: str
) -> None:
    """Whoever logs in, even the owner, becomes the application's role."""
    connection = await connect(getattr(database, url))
    async with connection:
        row = await (await connection.execute("SELECT current_user")).fetchone()
        assert row == ("ledger_app",)
        assert connection.autocommit
        assert await shown(connection, *time_outs) == time_outs


@pytest.mark.anyio
async def test_a_connection_for_long_work_has_no_time_outs(
    database: Database, time_outs: dict[str, str]
) -> None:
    """A rebuild rightly takes longer than a request."""
    async with await connect(database.app_url, limits=False) as connection:
        assert await shown(connection, *time_outs) == dict.fromkeys(time_outs, "0")


@pytest.mark.anyio
@pytest.mark.parametrize("url", ["app_url", "owner_url"])
async def test_connections_of_the_reading_pool_have_them_too(
    database: Database, time_outs: dict[str, str], url: str
) -> None:
    """And read only what is committed, statement by statement."""
    async with reading_pool(getattr(database, url)) as pool, pool.connection() as connection:
        row = await (await connection.execute("SELECT current_user")).fetchone()
        assert row == ("ledger_app",)
        assert connection.autocommit
        assert await shown(connection, *time_outs) == time_outs


@pytest.mark.anyio
async def test_who_waits_for_a_connection_can_be_ended(database: Database) -> None:
    """Whenever: also in the instant in which one is handed over, which is nobody's loss."""

    async def read_on(pool: AsyncConnectionPool) -> None:
        while True:
            async with pool.connection() as connection:
                await connection.execute("SELECT 1")
            await asyncio.sleep(0)

    async with reading_pool(database.app_url, size=1) as pool:
        for turn in range(15):
            readers = [asyncio.create_task(read_on(pool)) for _ in range(3)]
            await asyncio.sleep(turn % 7 / 3_000)
            for reader in readers:
                reader.cancel()
            _, going_on = await asyncio.wait(readers, timeout=10)
            assert not going_on
        async with pool.connection() as connection:
            await connection.execute("SELECT 1")


@pytest.mark.anyio
async def test_who_is_to_end_does_not_hear_of_a_refusal_instead(database: Database) -> None:
    """Or he would try again, as those do who wait for the database to come back."""
    async with reading_pool(database.app_url, size=1) as pool, pool.connection():
        waiting = asyncio.create_task(pool.getconn())
        await until(lambda: len(pool._waiting) == 1)  # noqa: SLF001 - who waits is seen nowhere else
        await pool._waiting[0].fail(PoolTimeout("nobody gave one back"))  # noqa: SLF001 - the same
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


def test_the_role_itself_has_them_whatever_program_logs_in(
    app: Connection, time_outs: dict[str, str]
) -> None:
    """A person with psql cannot hold up the ledger for longer than a process can."""
    for name, limit in time_outs.items():
        assert app.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone() == (limit,)


def test_a_server_that_keeps_what_it_acknowledges_is_accepted(database: Database) -> None:
    """As either role."""
    refuse_unsafe(database.app_url)
    refuse_unsafe(database.owner_url)


def in_database(owner: Connection) -> sql.Composed:
    return sql.SQL("ALTER DATABASE {}").format(sql.Identifier(owner.info.dbname))


def in_role(owner: Connection) -> sql.Composed:
    return sql.SQL("ALTER ROLE ledger_app IN DATABASE {}").format(sql.Identifier(owner.info.dbname))


@pytest.fixture(params=[in_database, in_role])
def hasty(request: pytest.FixtureRequest, owner: Connection) -> Iterator[None]:
    """Commits are acknowledged before they are on disk."""
    where: Callable[[Connection], sql.Composed] = request.param
    owner.execute(where(owner) + sql.SQL(" SET synchronous_commit = off"))
    yield
    owner.execute(where(owner) + sql.SQL(" RESET synchronous_commit"))


@pytest.mark.usefixtures("hasty")
def test_a_commit_that_is_acknowledged_too_early_is_refused(database: Database) -> None:
    """Wherever it was switched off; the message names the setting and what to do."""
    with pytest.raises(UnsafeDatabase, match=r"'synchronous_commit' is off.*= on and start again"):
        refuse_unsafe(database.app_url)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a server that is started once for each setting."""
    return tmp_path_factory.mktemp("unsafe") / "db"


@pytest.fixture(params=["fsync", "full_page_writes"])
def careless(request: pytest.FixtureRequest, data_dir: Path) -> Iterator[tuple[str, str]]:
    """The address of a server that is told off after it is told on, and what it is told off."""
    setting: str = request.param
    real = find(None)
    with tempfile.TemporaryDirectory() as name:
        bin_dir = Path(name)
        bin_dir.chmod(0o755)
        program = bin_dir / "postgres"
        # The last word counts, and ours says `on` for what is on its own command line.
        program.write_text(f'#!/bin/sh\nexec "{real.postgres}" "$@" {_told(setting)}\n')
        program.chmod(0o755)
        (bin_dir / "initdb").symlink_to(real.initdb)
        with EmbeddedPostgres.hold(data_dir, bin_dir=bin_dir) as server:
            yield setting, server.owner_url
        eventually(lambda: is_over(data_dir))


def _told(setting: str) -> str:
    """Nothing more where `postgres` is asked for its version or runs for a single user."""
    return f'$(case "$1" in -D) echo "-c {setting}=off";; esac)'


def test_a_server_that_could_lose_data_is_refused(careless: tuple[str, str]) -> None:
    """The message names the setting and what to do."""
    setting, url = careless
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT current_setting(%s)", (setting,)).fetchone()
        assert row == ("off",)

    with pytest.raises(UnsafeDatabase, match=f"'{setting}' is off.*Set {setting} = on and start"):
        refuse_unsafe(url)
