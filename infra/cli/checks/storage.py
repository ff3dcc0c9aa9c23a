"""The database: reachable, safe, at the right revision, and no more in our power than need be."""

from collections.abc import Iterator

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict

from infra.cli.checks.finding import Finding
from infra.database import Database, embedded_directory
from infra.migrations.run import database_revision, newest_revision
from infra.postgres.binaries import find
from infra.settings import Settings
from infra.store.connections import APP_ROLE, UnsafeDatabase, refuse_unsafe

_MIGRATE = "Run 'entitlements migrate'."
_POWERS = """
    SELECT current_user, pg_has_role(current_user, %(role)s, 'MEMBER'),
           has_table_privilege(%(role)s, 'ledger.events', 'INSERT, UPDATE, DELETE, TRUNCATE'),
           (SELECT bool_and(has_function_privilege(%(role)s, oid, 'EXECUTE')) FROM pg_proc
             WHERE pronamespace = 'ledger'::regnamespace AND proname = 'ledger_append')
"""


def check_storage(where: Database) -> Iterator[Finding]:
    """Findings about the server, the schema and the roles; ends at the first that rules out more.

    Raises:
        psycopg.OperationalError: it cannot be reached.
    """
    with psycopg.connect(where.app_url, autocommit=True) as connection:
        yield Finding.ok("database", _place(where.app_url, connection))
        yield from _safety(where.owner_url)
        revision, newest = database_revision(where.app_url), newest_revision()
        if revision is None:
            yield Finding.warn("schema", "not there yet; the first start makes it", mend=_MIGRATE)
        elif revision != newest:
            found = f"at revision {revision}, and this version needs {newest}"
            yield Finding.problem("schema", found, mend=_MIGRATE)
        else:
            yield Finding.ok("schema", f"at revision {revision}")
        if revision is not None:
            yield _roles(connection)


def not_made_yet(settings: Settings) -> Finding:
    """The finding of an embedded server that the first start will make.

    Raises:
        PostgresUnavailable: there is nothing to make it with.
    """
    major = find(settings.pg_bin).major
    found = f"PostgreSQL {major}, to be made under {embedded_directory(settings)} at first start"
    return Finding.ok("database", found)


def _place(url: str, connection: Connection) -> str:
    address = conninfo_to_dict(url)
    version = connection.info.server_version
    name = f"PostgreSQL {version // 10_000}.{version % 10_000}"
    return f"{name}, database {address.get('dbname', '?')} on {connection.info.host}"


def _safety(owner_url: str) -> Iterator[Finding]:
    try:
        refuse_unsafe(owner_url)
    except UnsafeDatabase as unsafe:
        yield Finding.problem("safe settings", str(unsafe), mend="Change it, then start again.")
    else:
        yield Finding.ok("safe settings", "fsync, full_page_writes and synchronous_commit are on")


def _roles(connection: Connection) -> Finding:
    row = connection.execute(_POWERS, {"role": APP_ROLE}).fetchone()
    assert row is not None
    user, member, writes, appends = row
    if not member:
        mend = f"GRANT {APP_ROLE} TO {user}; or connect as {APP_ROLE}."
        return Finding.problem("roles", f"{user} may not act as {APP_ROLE}", mend=mend)
    if writes or not appends:
        mend = f"Revoke all on ledger.events from {APP_ROLE} and grant it ledger.ledger_append."
        found = f"{APP_ROLE} can change events directly, or cannot append"
        return Finding.problem("roles", found, mend=mend)
    return Finding.ok("roles", f"{user} acts as {APP_ROLE}, which can append and nothing else")
