"""Migrations: from nothing, again, at once, and by whom."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.database import Database
from infra.migrations.run import database_revision, migrate, newest_revision
from infra.postgres.embedded import EmbeddedPostgres
from infra.settings import Settings
from infra.wiring import SchemaBehind, prepare_database, running
from tests.conftest import other_database
from tests.infra.migrations.conftest import NewDatabase, forget, making
from tests.infra.store.world import append, call, verdicts

ROOT = Path(__file__).resolve().parents[3]
MIGRATE = """
import sys
sys.path.insert(0, sys.argv[1])
from infra.migrations.run import migrate
print("ready", flush=True)
sys.stdin.readline()
print(migrate(sys.argv[2]))
"""


@pytest.fixture
def empty(new_database: NewDatabase) -> Database:
    """A database without a ledger."""
    return new_database()


def schema(url: str) -> list[tuple[Any, ...]]:
    """Every table, function and right of the schema, with what last changed it."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT relname, xmin::text, relacl::text FROM pg_class"
            " WHERE relnamespace = 'ledger'::regnamespace"
            " UNION ALL SELECT proname, xmin::text, proacl::text FROM pg_proc"
            " WHERE pronamespace = 'ledger'::regnamespace"
            " UNION ALL SELECT rolname, xmin::text, rolconfig::text FROM pg_roles JOIN"
            "  (SELECT oid, xmin FROM pg_authid) AS a USING (oid) WHERE rolname LIKE 'ledger%'"
            " UNION ALL SELECT version_num, xmin::text, '' FROM ledger.alembic_version"
            " UNION ALL SELECT hash::text, xmin::text, '' FROM ledger.head"
        ).fetchall()


def works(url: str) -> bool:
    """Whether the application can append there."""
    with psycopg.connect(url, autocommit=True) as connection:
        return verdicts(call(connection, append())) == ["appended"]


def test_a_database_gets_its_schema_from_nothing(empty: Database) -> None:
    """The revision is told to whoever migrates, and afterwards to whoever asks."""
    assert database_revision(empty.owner_url) is None

    assert migrate(empty.owner_url) == newest_revision()

    assert database_revision(empty.owner_url) == newest_revision()
    assert database_revision(empty.app_url) == newest_revision()
    assert works(empty.app_url)


def test_a_second_time_changes_nothing(empty: Database) -> None:
    """Not a table, not a function, not a right, not a row."""
    migrate(empty.owner_url)
    before = sorted(schema(empty.owner_url))

    assert migrate(empty.owner_url) == newest_revision()

    assert sorted(schema(empty.owner_url)) == before


def at_once(*databases: Database) -> list[str]:
    """Migrate each in a process of its own, all released together; what they say."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, str(ROOT), where.owner_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
        )
        for where in databases
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate(timeout=60)[0].strip() for process in processes]


def test_two_processes_at_once_make_one_schema(empty: Database) -> None:
    """The second waits for the first and finds that nothing is left to do."""
    assert at_once(empty, empty) == [newest_revision()] * 2
    assert works(empty.app_url)


def test_databases_of_one_server_may_be_migrated_side_by_side(untouched: EmbeddedPostgres) -> None:
    """The roles are the server's and not a database's: nobody stumbles over another's."""
    make = making(untouched)

    assert at_once(make(), make()) == [newest_revision()] * 2
    # The roles are there by now, and are changed all the same.
    assert at_once(make(), make()) == [newest_revision()] * 2


def test_the_application_may_not_migrate(empty: Database) -> None:
    """It says what to run, and as whom."""
    where = Database(app_url=empty.app_url, owner_url=empty.app_url, embedded=None)
    with pytest.raises(SchemaBehind, match=r"run 'entitlements migrate' with LEDGER_MIGRATION_"):
        prepare_database(where)
    assert database_revision(empty.owner_url) is None


def test_nobody_works_on_a_schema_that_is_behind(empty: Database) -> None:
    """Where it may not be brought up from here, that is said instead."""
    migrate(empty.owner_url)
    with psycopg.connect(empty.owner_url) as owner:
        owner.execute("DELETE FROM ledger.alembic_version")

    with pytest.raises(SchemaBehind, match=f"not at revision {newest_revision()}"):
        prepare_database(Database(app_url=empty.app_url, owner_url=empty.app_url, embedded=None))


@pytest.mark.anyio
async def test_roles_that_are_no_superusers_are_enough(
    untouched: EmbeddedPostgres, settings: Settings
) -> None:
    """One that may create roles and a schema migrates; one that was granted ours works."""
    forget(untouched)
    with psycopg.connect(untouched.owner_url, autocommit=True) as owner:
        owner.execute("CREATE ROLE migrator LOGIN CREATEROLE PASSWORD 'm'")
        owner.execute("CREATE ROLE web LOGIN PASSWORD 'w'")
        owner.execute("CREATE DATABASE shared")
        owner.execute("GRANT CREATE ON DATABASE shared TO migrator")
    shared = other_database(untouched.owner_url, "shared")
    where = Database(
        app_url=psycopg.conninfo.make_conninfo(shared, user="web", password="w"),
        owner_url=psycopg.conninfo.make_conninfo(shared, user="migrator", password="m"),
        embedded=None,
    )

    migrate(where.owner_url)
    with psycopg.connect(where.owner_url) as migrator:
        migrator.execute("GRANT ledger_app TO web")
    prepare_database(where)

    async with running(settings, where) as parts:
        assert parts.feed.current()
    with psycopg.connect(where.app_url, autocommit=True) as web:
        web.execute("SET ROLE ledger_app")
        assert verdicts(call(web, append())) == ["appended"]
