"""The journal over a database that fails: whoever waits is told, or gets an outcome later."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import pytest
from psycopg import AsyncConnection, sql

from domain.refusals import Unavailable
from infra.database import Database
from infra.store.connections import connect
from infra.store.journal import LINES, Journal
from tests.infra.store.journals import hang_up, started, together
from tests.infra.store.world import Connection, append, log, until, verdicts

pytestmark = pytest.mark.anyio


@contextmanager
def obstacle(owner: Connection, function: LiteralString) -> Iterator[None]:
    """While it stands, an insert into the log runs `function`."""
    owner.execute(f"CREATE FUNCTION obstacle() RETURNS trigger LANGUAGE plpgsql AS $${function}$$")
    owner.execute(
        "CREATE TRIGGER obstacle BEFORE INSERT ON ledger.events EXECUTE FUNCTION obstacle()"
    )
    try:
        yield
    finally:
        owner.execute("DROP FUNCTION obstacle CASCADE")


async def test_a_database_that_only_reads_is_unavailable_until_it_writes_again(
    journal: Journal, app: Connection, owner: Connection
) -> None:
    """The refusal says what the database says; the same command may be sent again."""
    first, again = append("org-1"), append("org-2")
    await journal.append(first)
    name = sql.Identifier(app.info.dbname)
    owner.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
    try:
        hang_up(owner, but=app)
        with pytest.raises(Unavailable, match=r"cannot write .*read-only transaction"):
            await journal.append(again)
    finally:
        owner.execute("SET default_transaction_read_only = off")
        owner.execute(sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(name))

    assert (await journal.append(again)).verdict == "appended"
    assert (await journal.append(first)).verdict == "known"
    assert len(log(app)) == 2


async def test_a_full_disk_is_unavailable_until_there_is_room(
    journal: Journal, app: Connection, owner: Connection
) -> None:
    """All who wait are told at once, and what was written before can be read."""
    await journal.append(append("org-1"))
    raised = "BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END"
    with obstacle(owner, raised):
        outcomes = await together(journal, append("org-2"), append("org-3"))
        assert [type(outcome) for outcome in outcomes] == [Unavailable, Unavailable]
        assert "no space left on device" in str(outcomes[0])
        assert len(log(app)) == 1

    assert (await journal.append(append("org-2"))).verdict == "appended"


async def test_an_append_that_a_time_out_ends_is_pursued(
    database: Database, app: Connection, owner: Connection
) -> None:
    """Whichever of the time-outs ends it, the outcome is found out and nobody gets an error."""
    dialled = 0

    async def dial() -> AsyncConnection:
        nonlocal dialled
        dialled += 1
        hasty = dialled <= LINES  # later ones have time enough, however busy the machine is
        connection = await connect(database.app_url)
        # Of the two, which are equal, a newer server arms only the one that ends the connection.
        newer = connection.info.server_version >= 170000
        name = "transaction_timeout" if newer else "statement_timeout"
        if hasty:
            await connection.execute("SELECT set_config(%s, '100ms', false)", (name,))
        return connection

    async with started(dial) as journal:
        with owner.transaction():
            owner.execute("SELECT FROM ledger.head FOR UPDATE")
            waiting = [asyncio.ensure_future(journal.append(append(f"org-{n}"))) for n in (1, 2)]
            await until(lambda: dialled > LINES or any(task.done() for task in waiting))

        outcomes = await asyncio.gather(*waiting)

    assert verdicts(outcomes) == ["appended", "appended"]
    assert len(log(app)) == 2


async def test_an_append_whose_connection_was_ended_is_pursued(
    journal: Journal, app: Connection, owner: Connection
) -> None:
    """An administrator's cut is no reason to bother a caller."""
    first = append("org-1")
    await journal.append(first)
    hang_up(owner, but=app)

    outcomes = await together(journal, append("org-2"), first)

    assert [getattr(outcome, "verdict", outcome) for outcome in outcomes] == ["appended", "known"]
