"""Real servers for every test that needs one: each PostgreSQL that is installed, and real HTTP."""

import gc
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from functools import cache
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from consumers.topics import Topics
from infra.database import Database
from infra.kafka import EmbeddedKafka, KafkaUnavailable
from infra.migrations.run import migrate
from infra.postgres.binaries import SYSTEM
from infra.postgres.embedded import EmbeddedPostgres
from infra.settings import Settings
from infra.wiring import FIRST_START, Parts, first_catalog, running
from tests import soak
from tests.brokers import given_broker, new_prefix, own_broker
from tests.live import LiveServer

_NUMBERS = count(1)
_FETCHING = pytest.StashKey["subprocess.Popen[bytes]"]()
_SYSTEM_15 = SYSTEM / "15" / "bin"
SERVERS = [
    pytest.param(None, id="pg-wheel"),
    pytest.param(
        _SYSTEM_15,
        id="pg-15",
        marks=pytest.mark.skipif(not _SYSTEM_15.exists(), reason="PostgreSQL 15 is not installed"),
    ),
]
# kafka-python leaves a socket to the collector when the broker goes while it is being connected.
_LEFT_OPEN = "ignore:unclosed .socket.socket:ResourceWarning"
BROKER = {"broker", "kafka"}  # the fixtures that start one
HoldServer = Callable[[Path | None], EmbeddedPostgres]
SECRET = "a secret of this test run, long enough for HS256"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--soak N`: the long lane."""
    parser.addoption(
        "--soak",
        type=int,
        metavar="N",
        help="repeat each fault N in a hundred of the promised times, not the few of CI",
    )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing running."""
    fetching = config.stash.get(_FETCHING, None)
    if fetching is not None:
        fetching.terminate()
        fetching.wait()


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> soak.Rounds:
    """How often to repeat a fault."""
    return soak.chosen(request.config)


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run what does not depend on the database's version against one server only."""
    items[:] = [
        item
        for item in items
        if not (item.get_closest_marker("one_server") and "pg-15" in item.name)
    ]
    for item in items:  # of several processes one has the tests of a file, and one the broker
        broker = BROKER & set(getattr(item, "fixturenames", ()))
        if broker:
            item.add_marker(pytest.mark.filterwarnings(_LEFT_OPEN))
        name = "broker" if broker else str(item.path)
        item.add_marker(pytest.mark.xdist_group(name))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fetch the broker while other tests run, where it has to be fetched at all."""
    for item in session.items if session.config.getoption("loadgroup", False) else ():
        assert "@" in item.nodeid, "pytest-xdist does not group the tests of a file"
    fixtures = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    first = os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0"
    if first and fixtures & BROKER and not session.config.option.collectonly:
        session.config.stash[_FETCHING] = subprocess.Popen(
            [sys.executable, "-m", "infra.kafka"],
            cwd=Path(__file__).parents[1],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


@pytest.fixture(autouse=True)
def nothing_left_of_clients(request: pytest.FixtureRequest) -> Iterator[None]:
    """Sockets that kafka-python left open go while that is expected, not in some later test."""
    yield
    if BROKER & set(request.fixturenames):
        gc.collect()


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest) -> Iterator[EmbeddedKafka]:
    """A broker of this run's own, which a test may kill."""
    fetching = request.config.stash.get(_FETCHING, None)
    if fetching is not None:
        fetching.wait()
    try:
        with own_broker() as broker:
            if not broker.kind.keeps:
                pytest.skip(f"{broker.kind.name} is no Kafka to test against")
            yield broker
    except KafkaUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> str:
    """The address of a broker: the one the environment names, or this run's own."""
    own: EmbeddedKafka | None = None
    if given_broker() is None:
        own = request.getfixturevalue("broker")
    return own.address if own is not None else str(given_broker())


@pytest.fixture
def topics() -> Topics:
    """Topics for one test."""
    return Topics.named(new_prefix())


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, as the product does."""
    return "asyncio"


@pytest.fixture(scope="session")
def hold_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HoldServer]:
    """Servers that are started when first asked for, and kept until the end of the run."""
    with ExitStack() as stack:

        @cache
        def hold(bin_dir: Path | None) -> EmbeddedPostgres:
            directory = tmp_path_factory.mktemp("postgres") / "data"
            held = stack.enter_context(EmbeddedPostgres.hold(directory, bin_dir=bin_dir))
            migrate(held.owner_url)
            return held

        yield hold


# For each module anew: a process that is given a few modules must not go to and fro between all
# of its tests on one server and all of them on the other.
@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, hold_server: HoldServer) -> EmbeddedPostgres:
    """A PostgreSQL server whose database `ledger` is migrated and empty: the template of others."""
    return hold_server(request.param)


def new_database(server: EmbeddedPostgres, *, like: str = "ledger") -> Database:
    """A database of its own: empty and migrated, or as another of the server is."""
    name = f"test_{next(_NUMBERS)}"
    with psycopg.connect(other_database(server.owner_url, "postgres"), autocommit=True) as admin:
        template = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        admin.execute(template.format(sql.Identifier(name), sql.Identifier(like)))
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
