"""An event that is recorded stays as it is, whoever asks."""

from collections.abc import Iterator

import pytest
from psycopg import errors, sql

from infra.database import Database
from tests.infra.store.world import Connection, append, call, emptied, log

CHANGES = {
    "UPDATE": "UPDATE ledger.events SET state = '' WHERE position = 1",
    "DELETE": "DELETE FROM ledger.events",
    "TRUNCATE": "TRUNCATE ledger.events",
    "TRUNCATE CASCADE": "TRUNCATE ledger.events, ledger.commands CASCADE",
}


@pytest.fixture
def recorded(app: Connection) -> Connection:
    """A log with two events."""
    call(app, append(events=2))
    return app


@pytest.fixture
def mended(owner: Connection, database: Database) -> Iterator[Connection]:
    """The owner, who may do harm here: what was done to the trigger is undone."""
    yield owner
    owner.execute("RESET ROLE")
    emptied(database)


@pytest.mark.parametrize("change", CHANGES)
def test_nobody_changes_an_event(recorded: Connection, owner: Connection, change: str) -> None:
    """Neither the superuser nor the tables' owner, nor one who plays the replica."""
    before = log(recorded)
    for replication in ("origin", "replica", "local"):
        for role in ("ledger_owner", "ledger_keeper"):
            owner.execute(
                "SELECT set_config('session_replication_role', %s, false)", (replication,)
            )
            owner.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(role)))
            with pytest.raises(errors.RestrictViolation, match="events are immutable"):
                owner.execute(CHANGES[change].encode())
            owner.execute("RESET ROLE")
    assert log(recorded) == before


def test_a_trigger_that_is_not_always_enabled_would_let_a_replica_by(
    recorded: Connection, mended: Connection
) -> None:
    """The mutant: an ordinary trigger does not fire for who plays the replica."""
    mended.execute("ALTER TABLE ledger.events ENABLE TRIGGER immutable")
    mended.execute("SET session_replication_role = replica")

    mended.execute("DELETE FROM ledger.events")

    assert log(recorded) == []
