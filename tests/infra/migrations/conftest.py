"""Servers and databases in which there is no ledger yet."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from infra.database import Database
from infra.postgres.embedded import EmbeddedPostgres
from tests.conftest import SERVERS, other_database

NewDatabase = Callable[[], Database]

_NUMBERS = count(1)


def making(server: EmbeddedPostgres) -> NewDatabase:
    """Makes empty databases on a server."""

    def make() -> Database:
        name = f"empty_{next(_NUMBERS)}"
        maintenance = other_database(server.owner_url, "postgres")
        with psycopg.connect(maintenance, autocommit=True) as admin:
            admin.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template1").format(sql.Identifier(name))
            )
        return Database(
            app_url=other_database(server.app_url, name),
            owner_url=other_database(server.owner_url, name),
            embedded=None,
        )

    return make


def forget(server: EmbeddedPostgres) -> None:
    """Remove the ledger's roles from a server, and what is theirs in any of its databases."""
    with psycopg.connect(server.owner_url) as owner:
        roles = "SELECT rolname FROM pg_roles WHERE rolname IN ('ledger_app', 'ledger_keeper')"
        names = [sql.Identifier(name) for (name,) in owner.execute(roles).fetchall()]
        databases = owner.execute("SELECT datname FROM pg_database WHERE datallowconn").fetchall()
    for (database,) in databases if names else ():
        with psycopg.connect(other_database(server.owner_url, database)) as owner:
            owner.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(sql.SQL(", ").join(names)))
    with psycopg.connect(server.owner_url) as owner:
        for name in names:
            owner.execute(sql.SQL("DROP ROLE {}").format(name))


@pytest.fixture(scope="module")
def new_database(server: EmbeddedPostgres) -> NewDatabase:
    """Empty databases on a server where others hold a ledger."""
    return making(server)


@pytest.fixture(scope="module", params=SERVERS)
def untouched(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedPostgres]:
    """A server where no ledger ever was, and none of its roles are."""
    bin_dir: Path | None = request.param
    with EmbeddedPostgres.hold(tmp_path_factory.mktemp("new") / "db", bin_dir=bin_dir) as server:
        forget(server)
        yield server
