"""Rebuilding the inline views: to the same bytes, and nothing else moves."""

import threading
import time
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from infra.database import Database
from infra.postgres.embedded import EmbeddedPostgres
from infra.store.append import CALL
from tests.conftest import new_database
from tests.infra.cli.shell import REASON, Shell


def views(database: Database) -> list[Any]:
    """Every row of both inline views."""
    with psycopg.connect(database.owner_url) as connection:
        return [
            connection.execute(f"SELECT * FROM ledger.{view} ORDER BY org").fetchall()  # noqa: S608 - fixed
            for view in ("current_entitlements", "legacy_enabled_modules")
        ]


def execute(database: Database, statement: LiteralString, *values: object) -> None:
    """Change the views behind the ledger's back."""
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(statement, [str(value) for value in values])


@pytest.fixture(scope="module")
def orgs(shell: Shell) -> list[int]:
    """Three orgs with some history, in the database that each test has a copy of."""
    found = [shell.new_org() for _ in range(3)]
    for org in found:
        shell.command(org, "bundle", "apply", bundle="crm_suite")
        shell.command(org, "block", scope="module", key="crm", category="abuse")
        shell.command(org, "revoke", key="crm", scope="all")
    return found


@pytest.fixture
def database(server: EmbeddedPostgres, module_database: Database, orgs: list[int]) -> Database:
    """A copy for one test."""
    like = conninfo_to_dict(module_database.owner_url)["dbname"]
    return new_database(server, like=str(like))


def test_views_that_are_right_stay_as_they_are(own_shell: Shell, database: Database) -> None:
    """Case 26."""
    before = views(database)
    rebuilt = own_shell.json("views", "rebuild")
    assert (rebuilt["compared"], rebuilt["rewritten"], rebuilt["dropped"]) == (3, 0, 0)
    assert views(database) == before


def test_views_that_were_damaged_become_what_they_were(
    own_shell: Shell, database: Database, orgs: list[int]
) -> None:
    before = views(database)
    execute(database, "UPDATE ledger.current_entitlements SET state = '' WHERE org = %s", orgs[0])
    execute(database, "DELETE FROM ledger.current_entitlements WHERE org = %s", orgs[1])
    execute(
        database, "UPDATE ledger.legacy_enabled_modules SET granted = '' WHERE org = %s", orgs[2]
    )
    execute(
        database,
        "INSERT INTO ledger.current_entitlements (org, name, org_version, position, state, granted)"
        " VALUES ('stray', 'S', 1, 1, '', '')",
    )
    assert own_shell.json("views", "status", code=1)["views"] == [
        {"view": "current_entitlements", "rows": 3, "missing": 1, "behind": 0, "strays": 1},
        {"view": "legacy_enabled_modules", "rows": 3, "missing": 1, "behind": 0, "strays": 1},
    ]

    previewed = own_shell.json("views", "rebuild", "--dry-run", code=1)
    assert views(database) != before
    rebuilt = own_shell.json("views", "rebuild")

    assert (rebuilt["rewritten"], rebuilt["dropped"]) == (3, 1)
    assert previewed == rebuilt | {"dry_run": True, "audit": previewed["audit"]}
    assert views(database) == before
    own_shell("views", "status")


def audit_rows(database: Database) -> list[Any]:
    """Every row of the audit view, once it has come to the end of the log."""
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        while connection.execute("SELECT ledger.follow_audit(1000)").fetchone() != (0,):
            pass
        return connection.execute("SELECT * FROM ledger.audit_entries ORDER BY position").fetchall()


def test_the_audit_view_is_dropped_and_becomes_what_it_was(
    own_shell: Shell, database: Database
) -> None:
    """Case 26: a row altered, one gone and one too many are seen before and mended."""
    before = audit_rows(database)
    execute(database, "UPDATE ledger.audit_entries SET actor = 'somebody' WHERE position = 3")
    execute(database, "DELETE FROM ledger.audit_entries WHERE position = 4")
    execute(database, "INSERT INTO ledger.audit_entries SELECT * FROM ledger.audit_rows(5, 6)")

    previewed = own_shell.json("views", "rebuild", "--view", "audit", "--dry-run", code=1)
    rebuilt = own_shell.json("views", "rebuild", "--view", "audit")

    assert previewed["audit"] == {"events": len(before), "differing": 3}
    assert rebuilt == {"dry_run": False, "audit": {"events": len(before), "differing": None}}
    assert audit_rows(database) == before
    again = own_shell.json("views", "rebuild", "--view", "audit", "--dry-run")
    assert again["audit"]["differing"] == 0


def test_an_event_that_somebody_damaged_keeps_no_other_from_being_found(
    own_shell: Shell, database: Database, orgs: list[int]
) -> None:
    """Verification names it; a rebuild of the view goes on, and a page shows what is stored."""
    search = ("audit", "search", "--org", orgs[0], "--oldest-first")
    places = [event["position"] for event in own_shell.json(*search)["events"]]
    damaged = dict(zip(places[1:], (b'{"key": "crm"', b"\xff", b"{}", b"[1]"), strict=False))
    with psycopg.connect(database.owner_url) as owner:
        owner.execute("ALTER TABLE ledger.events DISABLE TRIGGER immutable")
        for place, state in damaged.items():
            owner.execute("UPDATE ledger.events SET state = %s WHERE position = %s", (state, place))

    own_shell("views", "rebuild", "--view", "audit")

    assert own_shell.json("audit", "verify", code=1)["break"]["position"] == places[1]
    found = own_shell.json(*search)["events"]
    assert [event["position"] for event in found] == places
    shown = [event["data"] for event in found[1:5]]
    assert shown == [{"text": '{"key": "crm"'}, {"text": "\\xff"}, {}, {"text": "[1]"}]


def test_the_status_of_the_audit_view_is_its_position_and_its_lag(
    own_shell: Shell, database: Database
) -> None:
    """A view that lags is not broken; one that has lost a row is."""
    position = len(audit_rows(database))
    execute(database, "UPDATE ledger.followers SET position = position - 2")
    execute(database, "DELETE FROM ledger.audit_entries WHERE position > %s", position - 2)

    lagging = own_shell.json("views", "status")
    execute(database, "DELETE FROM ledger.audit_entries WHERE position = 1")
    own_shell.json("views", "status", code=1)

    [view] = lagging["following"]
    assert (view["view"], view["position"], view["lag_events"]) == ("audit", position - 2, 2)
    assert view["projection_lag_seconds"] > 0
    assert lagging["audit_rows"] == position - 2
    printed = own_shell("views", "status", code=1).stdout
    assert "lag in seconds" in printed
    own_shell("views", "rebuild")
    assert own_shell.json("views", "status")["following"][0]["projection_lag_seconds"] == 0


@pytest.mark.parametrize("view", ["current", "legacy"])
def test_one_view_is_compared_alone(
    own_shell: Shell, database: Database, orgs: list[int], view: str
) -> None:
    """What another view has wrong is left for its own turn."""
    execute(
        database, "UPDATE ledger.legacy_enabled_modules SET granted = '' WHERE org = %s", orgs[2]
    )

    found = own_shell.json("views", "rebuild", "--view", view)

    assert found["differing"] == ([] if view == "current" else [str(orgs[2])])
    assert "audit" not in found


def test_the_audit_view_of_one_org_cannot_be_rebuilt_alone(own_shell: Shell) -> None:
    """It says so, instead of rebuilding all of it or nothing."""
    typed = own_shell("views", "rebuild", "--view", "audit", "--org", 1, code=2)
    assert "audit is rebuilt as a whole" in typed.stderr


def test_one_org_is_rebuilt_alone(own_shell: Shell, database: Database, orgs: list[int]) -> None:
    before = views(database)
    execute(database, "DELETE FROM ledger.legacy_enabled_modules")

    rebuilt = own_shell.json("views", "rebuild", "--org", orgs[1])

    assert (rebuilt["compared"], rebuilt["rewritten"]) == (1, 1)
    assert [row[0] for row in views(database)[1]] == [str(orgs[1])]
    own_shell("views", "rebuild")
    assert views(database) == before


def test_nothing_is_published_by_a_rebuild(
    own_shell: Shell, database: Database, orgs: list[int]
) -> None:
    """No event, no notification: nobody but the rows hears of it."""
    execute(database, "DELETE FROM ledger.current_entitlements WHERE org = %s", orgs[0])
    with psycopg.connect(database.owner_url, autocommit=True) as listener:
        listener.execute("LISTEN ledger")
        head = listener.execute("SELECT position, hash FROM ledger.head").fetchone()
        own_shell("views", "rebuild")
        assert listener.execute("SELECT position, hash FROM ledger.head").fetchone() == head
        assert list(listener.notifies(timeout=0.2)) == []


def test_an_org_that_a_newer_version_wrote_to_is_left_as_it_is(
    own_shell: Shell, database: Database, orgs: list[int]
) -> None:
    version = own_shell.json("org", "show", orgs[0])["org_version"]
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(CALL, _append(orgs[0], expected=version), binary=True)
    before = views(database)

    rebuilt = own_shell.json("views", "rebuild", code=1)

    assert rebuilt["unreadable"] == [str(orgs[0])]
    assert (rebuilt["compared"], rebuilt["rewritten"]) == (2, 0)
    assert views(database) == before
    shown = own_shell.json("audit", "search", "--org", orgs[0], "--limit", 1)["events"]
    assert [event["type"] for event in shown] == ["entitlements.FromTheFuture.v9"]
    assert shown[0]["reason"] == REASON


def test_an_append_during_a_rebuild_is_never_undone(
    own_shell: Shell, database: Database, orgs: list[int]
) -> None:
    """The rewrite of a row waits for an append under way, and then finds that it has moved on."""
    org = str(orgs[0])
    with psycopg.connect(database.owner_url, autocommit=True) as rebuilder:
        row = rebuilder.execute(
            "SELECT name, org_version, position, state FROM ledger.current_entitlements"
            " WHERE org = %s",
            (org,),
        ).fetchone()
        assert row is not None
        columns = [[org], *([value] for value in row), ["{}"]]
        with psycopg.connect(database.owner_url) as appender:
            appender.execute(CALL, _append(orgs[0], expected=row[1]), binary=True)
            rewriting = threading.Thread(
                target=rebuilder.execute,
                args=("SELECT ledger.put_views(%s, %s, %s, %s, %s, %s)", columns),
            )
            rewriting.start()
            time.sleep(0.3)  # for the rewrite to have looked, if it did not wait
            appender.commit()
            rewriting.join(timeout=30)
        version = rebuilder.execute(
            "SELECT org_version FROM ledger.current_entitlements WHERE org = %s", (org,)
        ).fetchone()
    assert version == (row[1] + 1,)


def test_an_org_that_the_log_does_not_know_is_refused(own_shell: Shell) -> None:
    assert own_shell.refusal("views", "rebuild", "--org", 999)["code"] == "unknown_org"


def _append(org: int, *, expected: int) -> list[Any]:
    """One event of a topic that nobody here knows."""
    return [
        [uuid4()],
        [None],
        [f"org-{org}"],
        [expected],
        [None],
        ["Acme"],
        [b"{}"],
        ["{}"],
        [1],
        [uuid4()],
        ["entitlements.FromTheFuture.v9"],
        [f'{{"reason": "{REASON}"}}'.encode()],
    ]
