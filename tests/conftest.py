"""Real servers for every test that needs one: each PostgreSQL that is installed, and real HTTP."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from infra.database import Database
from infra.migrations.run import migrate
from infra.postgres.binaries import SYSTEM
from infra.postgres.embedded import EmbeddedPostgres
from infra.settings import Settings
from infra.wiring import FIRST_START, Parts, first_catalog, running
from tests import soak
from tests.live import LiveServer

_NUMBERS = count(1)
_SYSTEM_15 = SYSTEM / "15" / "bin"
SERVERS = [
    pytest.param(None, id="pg-wheel"),
    pytest.param(
        _SYSTEM_15,
        id="pg-15",
        marks=pytest.mark.skipif(not _SYSTEM_15.exists(), reason="PostgreSQL 15 is not installed"),
    ),
]
SECRET = "a secret of this test run, long enough for HS256"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--soak N`: the long lane."""
    parser.addoption(
        "--soak",
        type=int,
        metavar="N",
        help="repeat each fault N in a hundred of the promised times, not the few of CI",
    )


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> soak.Rounds:
    """How often to repeat a fault."""
    return soak.chosen(request.config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what does not depend on the database's version against one server only."""
    items[:] = [
        item
        for item in items
        if not (item.get_closest_marker("one_server") and "pg-15" in item.name)
    ]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the product does."""
    return "asyncio"


@pytest.fixture(scope="session", params=SERVERS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL server whose database `ledger` is migrated and empty: the template of others."""
    bin_dir: Path | None = request.param
    directory = tmp_path_factory.mktemp("postgres") / "data"
    with EmbeddedPostgres.hold(directory, bin_dir=bin_dir) as held:
        migrate(held.owner_url)
        yield held


def new_database(server: EmbeddedPostgres) -> Database:
    """An empty, migrated database of its own."""
    name = f"test_{next(_NUMBERS)}"
    with psycopg.connect(other_database(server.owner_url, "postgres"), autocommit=True) as admin:
        template = sql.SQL("CREATE DATABASE {} TEMPLATE ledger").format(sql.Identifier(name))
        admin.execute(template)
    return Database(
        app_url=other_database(server.app_url, name),
        owner_url=other_database(server.owner_url, name),
        embedded=None,
    )


def other_database(url: str, name: str) -> str:
    """The same server and role, another database."""
    return url.replace("/ledger?", f"/{name}?")


@pytest.fixture
def database(server: EmbeddedPostgres) -> Database:
    """A database for one test."""
    return new_database(server)


@pytest.fixture
def ledger_url(database: Database) -> str:
    """The application's address of a database for one test."""
    return database.app_url


@pytest.fixture(scope="module")
def module_database(server: EmbeddedPostgres) -> Database:
    """A database for all tests of a module."""
    return new_database(server)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a secret and a data directory of their own."""
    return Settings(data_dir=tmp_path, jwt_secret=SECRET)


@asynccontextmanager
async def started(settings: Settings, database: Database) -> AsyncIterator[Parts]:
    """A running ledger with the shipped catalog."""
    async with running(settings, database) as parts:
        if parts.shelf.version == 0:
            await parts.ledger.publish_catalog(first_catalog(settings), by=FIRST_START)
        yield parts


@pytest.fixture
async def parts(settings: Settings, database: Database) -> AsyncIterator[Parts]:
    """A running ledger over a database for one test."""
    async with started(settings, database) as parts:
        yield parts


@pytest.fixture(scope="module")
def live(
    module_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A web server over a database for all tests of a module."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("live"),
        jwt_secret=SECRET,
        database_url=module_database.app_url,
        migration_database_url=module_database.owner_url,
    )
    with LiveServer(settings) as live:
        yield live
