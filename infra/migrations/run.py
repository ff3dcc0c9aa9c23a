"""Bringing a database to the schema this code needs, one migrating process at a time."""

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ProgrammingError

_HERE = Path(__file__).parent
_LOCK = 4_512_760_118  # any fixed number: never rename


class MayNotMigrate(Exception):
    """The role may not create what a migration creates."""


def newest_revision() -> str:
    """The revision this code was written for."""
    revision = ScriptDirectory(str(_HERE)).get_current_head()
    assert revision is not None
    return revision


def migrate(owner_url: str) -> str:
    """Bring the database to the newest revision and return it; does nothing when it is there.

    Args:
        owner_url: a connection string of a role that may create roles and a schema.

    Raises:
        MayNotMigrate: it may not.
    """
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(owner_url), poolclass=pool.NullPool
    )
    try:
        with engine.connect() as connection:
            return _upgraded(connection)
    except ProgrammingError as error:
        if isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise MayNotMigrate(str(error.orig)) from error
        raise


def _upgraded(connection: Connection) -> str:
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
    connection.execute(text("CREATE SCHEMA IF NOT EXISTS ledger"))
    connection.commit()
    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()
    return _revision(connection) or ""


def database_revision(url: str) -> str | None:
    """The revision a database is at, None when it has no ledger yet."""
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT to_regclass('ledger.alembic_version')").fetchone()
        if found is None or found[0] is None:
            return None
        row = connection.execute("SELECT version_num FROM ledger.alembic_version").fetchone()
        return str(row[0]) if row else None


def _revision(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table_schema": "ledger"})
    return context.get_current_revision()
