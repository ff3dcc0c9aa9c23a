"""Who may do what in the database: the application reads, and writes through one function."""

from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest
from psycopg import errors, sql

from infra.database import Database
from tests.infra.store.world import Connection, append, call, verdicts

# None of them touches a row: whether a role may is asked before there is one.
VERBS = {
    "SELECT": "SELECT FROM ledger.{table} LIMIT 0",
    "INSERT": "INSERT INTO ledger.{table} ({column}) SELECT {column} FROM ledger.{table} LIMIT 0",
    "UPDATE": "UPDATE ledger.{table} SET {column} = NULL WHERE false",
    "DELETE": "DELETE FROM ledger.{table} WHERE false",
    "TRUNCATE": "TRUNCATE ledger.{table}",
    "LOCK": "SELECT FROM ledger.{table} LIMIT 0 FOR UPDATE",
}


@pytest.fixture(scope="module")
def database(module_database: Database) -> Database:
    """Nothing here changes it."""
    return module_database


@pytest.fixture
def stranger(owner: Connection) -> Iterator[Connection]:
    """A role that was granted nothing, for as long as one transaction."""
    with owner.transaction(force_rollback=True):
        owner.execute("CREATE ROLE stranger")
        owner.execute("SET LOCAL ROLE stranger")
        yield owner


@pytest.fixture
def tables(owner: Connection) -> dict[str, str]:
    """Every table and view of the ledger with its first column; there are no sequences."""
    found = owner.execute(
        "SELECT relname, relkind, attname"
        "  FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
        " WHERE relnamespace = 'ledger'::regnamespace AND attnum = 1"
        "   AND relkind NOT IN ('i', 'I', 't', 'c')"
    ).fetchall()
    assert {kind for _, kind, _ in found} == {"r", "v"}
    assert {"events", "head", "commands", "alembic_version"} < {table for table, _, _ in found}
    return {table: column for table, _, column in found}


def allowed(connection: Connection, verb: str, tables: dict[str, str]) -> set[str]:
    """The tables on which a verb is not refused for want of a right, nor for being a view."""
    found = set()
    refusals = (errors.InsufficientPrivilege, errors.WrongObjectType)
    for table, column in tables.items():
        names = {"table": sql.Identifier(table), "column": sql.Identifier(column)}
        with suppress(*refusals), connection.transaction(force_rollback=True):
            connection.execute(sql.SQL(VERBS[verb]).format(**names))
            found.add(table)
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_the_application_only_reads(app: Connection, tables: dict[str, str], verb: str) -> None:
    """Every verb is tried for real on every table, those of a later migration too."""
    assert allowed(app, verb, tables) == (set(tables) if verb == "SELECT" else set())


@pytest.mark.parametrize("verb", VERBS)
def test_any_other_role_gets_nothing(
    tables: dict[str, str], stranger: Connection, verb: str
) -> None:
    """What PUBLIC may do is nothing."""
    assert allowed(stranger, verb, tables) == set()


@pytest.mark.parametrize("verb", VERBS)
def test_the_matrix_would_show_a_right(
    owner: Connection, tables: dict[str, str], verb: str
) -> None:
    """The superuser, who may do everything but change an event, is told apart."""
    refused = {"events"} if verb in ("UPDATE", "DELETE", "TRUNCATE") else set()
    refused |= {"legacy_enabled_modules"} if verb == "TRUNCATE" else set()  # it is a view
    assert allowed(owner, verb, {t: c for t, c in tables.items() if t not in refused}) == (
        set(tables) - refused
    )


@pytest.mark.parametrize("verb", ["CREATE TABLE ledger.mine ()", "CREATE SCHEMA mine"])
def test_the_application_creates_nothing(app: Connection, verb: str) -> None:
    """Neither in the ledger's schema nor beside it."""
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute(verb.encode())


@pytest.mark.parametrize("role", ["ledger_keeper", "ledger_owner"])
def test_the_application_cannot_become_another(app: Connection, role: str) -> None:
    """It is a member of no role that may write."""
    with pytest.raises(errors.InsufficientPrivilege):
        app.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))


def test_only_the_application_may_call_the_functions(owner: Connection) -> None:
    """PUBLIC, which PostgreSQL lets call everything by default, may call none of them."""
    found = owner.execute(
        "SELECT proname, has_function_privilege('ledger_app', oid, 'EXECUTE'),"
        "       has_function_privilege('public', oid, 'EXECUTE')"
        "  FROM pg_proc WHERE pronamespace = 'ledger'::regnamespace"
    ).fetchall()
    assert {"ledger_append", "enabled_modules", "leaf_hash"} < {
        name for name, app, _ in found if app
    }
    assert {name for name, _, public in found if public} == set()


def test_functions_with_their_owners_rights_have_a_fixed_search_path(owner: Connection) -> None:
    """Nobody can put a table of theirs in the way of one that such a function writes."""
    found = owner.execute(
        "SELECT proname, proowner::regrole::text, proconfig FROM pg_proc"
        " WHERE pronamespace = 'ledger'::regnamespace AND prosecdef"
    ).fetchall()
    assert "ledger_append" in {name for name, _, _ in found}
    for name, keeper, configuration in found:
        assert keeper == "ledger_keeper", name
        assert "search_path=ledger, pg_temp" in configuration, name


def test_a_temporary_table_does_not_stand_in_for_one_of_the_ledgers(app: Connection) -> None:
    """The application may make one, and an append still finds the real ones."""
    with app.transaction(force_rollback=True):
        app.execute("CREATE TEMP TABLE events (LIKE ledger.events)")
        app.execute("CREATE TEMP TABLE head AS SELECT * FROM ledger.head")
        app.execute("SET LOCAL search_path = pg_temp, ledger")
        before = app.execute("SELECT position FROM ledger.head").fetchone()

        [outcome] = call(app, append("org-hidden"))

        assert verdicts([outcome]) == ["appended"]
        assert before is not None
        assert outcome.first_position == before[0] + 1
        assert app.execute("SELECT count(*) FROM pg_temp.events").fetchone() == (0,)
        assert app.execute("SELECT position FROM ledger.head").fetchone() == (before[0] + 1,)


@pytest.mark.parametrize("role", ["ledger_keeper", "ledger_app"])
def test_neither_role_has_powers_over_the_server(owner: Connection, role: str) -> None:
    """No superuser, no roles or databases of their own making, no way around row security."""
    powers = owner.execute(
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls"
        "  FROM pg_roles WHERE rolname = %s",
        (role,),
    ).fetchone()
    assert powers == (False, False, False, False, False)


def test_the_owner_of_the_tables_cannot_log_in(owner: Connection, database: Database) -> None:
    """It has no password either, and everything in the schema is its own."""
    assert owner.execute(
        "SELECT rolcanlogin, rolpassword IS NULL FROM pg_authid WHERE rolname = 'ledger_keeper'"
    ).fetchone() == (False, True)
    with pytest.raises(psycopg.OperationalError, match=r"ledger_keeper"):
        psycopg.connect(database.owner_url, user="ledger_keeper")


def test_everything_in_the_schema_belongs_to_the_keeper(owner: Connection) -> None:
    """But the table in which migrations keep count, which only who migrates may write."""
    found = owner.execute(
        "SELECT relname, relowner::regrole::text FROM pg_class"
        " WHERE relnamespace = 'ledger'::regnamespace AND relkind = 'r'"
        " UNION ALL SELECT proname, proowner::regrole::text FROM pg_proc"
        " WHERE pronamespace = 'ledger'::regnamespace"
        " UNION ALL SELECT nspname, nspowner::regrole::text FROM pg_namespace"
        " WHERE nspname = 'ledger'"
    ).fetchall()
    others = {name for name, keeper in found if keeper != "ledger_keeper"}
    assert others == {"alembic_version"}
