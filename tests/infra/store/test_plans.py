"""How the server carries an append out: with plans that stay good, and without compiling them."""

import psycopg
import pytest
from psycopg import sql

from infra.database import Database
from infra.store.append import ViewRows
from tests.infra.store.world import append, call

VIEWS = ViewRows(name="Acme", state=b"{}", granted="{}")
TABLES = ("events", "commands", "current_entitlements", "snapshots")


@pytest.fixture
def plans(database: Database) -> list[str]:
    """The plans that a connection made while the log was empty, as they served a later call."""
    told: list[str] = []
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        try:
            connection.execute("LOAD 'auto_explain'")
        except psycopg.errors.UndefinedFile:
            pytest.skip("this server came without auto_explain")
        for table in TABLES:  # now their statistics say that it is quickest to read them whole
            connection.execute(sql.SQL("VACUUM ANALYZE ledger.{}").format(sql.Identifier(table)))
        call(connection, append("org-1", views=VIEWS))
        connection.execute(
            "SELECT set_config('auto_explain.' || name, 'on', false)"
            " FROM unnest(ARRAY['log_nested_statements', 'log_analyze']) AS name"
        )
        connection.execute("SET auto_explain.log_min_duration = 0")
        connection.execute("SET client_min_messages = log")
        connection.add_notice_handler(lambda notice: told.append(notice.message_primary or ""))
        call(connection, append("org-2", views=VIEWS), append("org-1", expected=1, views=VIEWS))
    return told


def test_no_statement_of_an_append_reads_a_whole_table(plans: list[str]) -> None:
    """They are planned once, on an empty log, and serve until the connection ends."""
    assert any("Insert on events" in plan for plan in plans)
    assert [plan for plan in plans for table in TABLES if f"Seq Scan on {table}" in plan] == []


def test_no_statement_of_an_append_is_compiled(plans: list[str]) -> None:
    """Compiling takes longer than a whole batch, and would be done again for every call."""
    assert any("Insert on events" in plan for plan in plans)
    assert [plan for plan in plans if "JIT:" in plan] == []
