"""The first start makes a whole cluster that is closed to everybody without a password."""

import os
import signal
import stat
from pathlib import Path

import psycopg
import pytest

from infra.postgres import EmbeddedPostgres
from tests.infra.postgres.conftest import Hold, NewHolder
from tests.infra.postgres.world import (
    answers,
    copy,
    eventually,
    is_over,
    postmaster_pid,
    run_sql,
    setting,
    supervisor_pid,
    value,
)


def test_both_roles_reach_the_database_after_the_first_start(new_dir: Path, hold: Hold) -> None:
    held = hold(new_dir)
    assert value(held.owner_url, "SELECT current_user || '@' || current_database()") == (
        "ledger_owner@ledger"
    )
    assert value(held.app_url, "SELECT current_user || '@' || current_database()") == (
        "ledger_app@ledger"
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("password_encryption", "scram-sha-256"),
        ("listen_addresses", ""),
        ("TimeZone", "UTC"),
        ("server_encoding", "UTF8"),
    ],
)
def test_a_setting_that_safety_hangs_on_is_as_it_must_be(
    shared: EmbeddedPostgres, name: str, expected: str
) -> None:
    assert setting(shared.owner_url, name) == expected


def test_alter_system_cannot_turn_fsync_off(own_dir: Path, hold: Hold) -> None:
    held = hold(own_dir)
    with psycopg.connect(held.owner_url, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    assert setting(held.owner_url, "fsync") == "on"


def test_text_sorts_by_bytes(shared: EmbeddedPostgres) -> None:
    words = "SELECT string_agg(w, '' ORDER BY w) FROM unnest(ARRAY['b', 'B', 'ä', 'a', '_']) w"
    assert value(shared.owner_url, words) == "B_abä"


@pytest.mark.parametrize(
    "statement",
    ["CREATE TABLE t ()", "CREATE SCHEMA s", "CREATE TEMPORARY TABLE t ()", "CREATE ROLE r"],
)
def test_the_role_of_the_application_may_make_nothing(
    shared: EmbeddedPostgres, statement: str
) -> None:
    with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidSchemaName)):
        run_sql(shared.app_url, statement)


@pytest.mark.parametrize("database", ["postgres", "template1"])
def test_the_role_of_the_application_may_enter_no_other_database(
    shared: EmbeddedPostgres, database: str
) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(shared.app_url, dbname=database)


@pytest.mark.parametrize("user", ["ledger_owner", "ledger_app"])
@pytest.mark.parametrize("password", ["wrong", None])
def test_nobody_enters_without_the_password(
    shared: EmbeddedPostgres, user: str, password: str | None
) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(
            "postgresql://@" + shared.app_url.split("@", 1)[1],
            user=user,
            password=password,
            passfile=os.devnull,
        )


def test_only_the_owner_of_the_directory_can_read_the_passwords(data_dir: Path, hold: Hold) -> None:
    hold(data_dir)
    found = (data_dir / "credentials.json").stat()
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_uid == os.geteuid()


def test_passwords_do_not_reach_a_log(new_dir: Path, hold: Hold) -> None:
    held = hold(new_dir)
    logs = [new_dir / "supervisor.log", *(new_dir / "pg/log").iterdir()]
    for url in (held.owner_url, held.app_url):
        password = url.split(":", 2)[2].split("@")[0]
        assert not any(password in log.read_text() for log in logs)
        assert password not in repr(held)


def test_lost_passwords_are_made_anew_and_no_data_is_lost(own_dir: Path, hold: Hold) -> None:
    held = hold(own_dir)
    former = held.owner_url
    run_sql(former, "DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 7 AS n")
    held.release()
    eventually(lambda: is_over(own_dir))
    (own_dir / "credentials.json").unlink()

    held = hold(own_dir)

    assert value(held.owner_url, "SELECT n FROM kept") == 7
    assert value(held.app_url, "SELECT 1") == 1
    assert not answers(former)


def test_an_interrupted_initdb_leaves_nothing_half_made(
    new_dir: Path, hold: Hold, new_holder: NewHolder
) -> None:
    holder = new_holder(new_dir)
    eventually(lambda: any(new_dir.glob("pg/new-*/data/base")))
    os.kill(supervisor_pid(new_dir), signal.SIGKILL)
    holder.kill()
    assert not (new_dir / "pg/data").exists()

    held = hold(new_dir)

    assert value(held.app_url, "SELECT 1") == 1
    assert not list(new_dir.glob("pg/new-*"))


def test_first_starts_at_the_same_time_end_with_one_server(
    new_dir: Path, new_holder: NewHolder
) -> None:
    holders = [new_holder(new_dir) for _ in range(3)]
    urls = {holder.says() for holder in holders}
    assert len(urls) == 1
    assert answers(urls.pop())
    begun = (new_dir / "supervisor.log").read_text().count(" begins")
    assert (begun, postmaster_pid(new_dir) > 0) == (1, True)


def test_a_path_too_long_for_a_socket_gets_a_short_address(
    tmp_path: Path, template: Path, hold: Hold
) -> None:
    data_dir = tmp_path / ("long" * 25)
    held = hold(copy(template, data_dir))
    address = Path(str(value(held.owner_url, "SHOW unix_socket_directories")).strip('"'))
    assert value(held.app_url, "SELECT 1") == 1
    assert stat.S_IMODE(address.lstat().st_mode) == 0o700
    held.release()
    eventually(lambda: is_over(data_dir))
    assert not address.exists()
