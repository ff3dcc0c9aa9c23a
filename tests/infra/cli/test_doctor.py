"""The doctor: every setting, every dependency, no secret in clear, and how to mend it."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.cli.checks.configuration import masked
from infra.cli.checks.connection import check_connection
from infra.clock import wall_clock
from infra.database import Database
from infra.settings import Settings, variable_of
from tests.infra.cli.shell import SECRET, Shell


def health(report: Any) -> dict[str, str]:
    """The health of each thing that was looked at."""
    return {check["name"]: check["health"] for check in report["checks"]}


def test_a_deployment_that_works_has_no_problem(shell: Shell) -> None:
    shell("org", "list")
    report = shell.json("doctor")
    assert report["ok"] is True
    assert health(report) == dict.fromkeys(
        ["database", "safe settings", "schema", "roles", "time-outs", "clock", "catalog",
         "data directory", "tokens"], "ok"
    )  # fmt: skip


def test_every_setting_is_shown_and_no_secret(shell: Shell) -> None:
    result = shell("doctor")
    assert all(variable_of(field) in result.stdout for field in Settings.model_fields)
    assert SECRET not in result.stdout
    password = psycopg.conninfo.conninfo_to_dict(shell.env["LEDGER_DATABASE_URL"])["password"]
    assert str(password) not in result.stdout
    assert "300 (default)" in result.stdout


MASKED = {
    "postgresql://u:secret@db/ledger": "postgresql://u:***@db/ledger",
    "postgresql://u@db/ledger": "postgresql://u@db/ledger",
    "postgresql://db/ledger?user=u&password=secret&port=1": (
        "postgresql://db/ledger?user=u&password=***&port=1"
    ),
    "host=db password = 'se cret' user=u": "host=db password = *** user=u",
    "redis://:secret@cache:6379/0": "redis://:***@cache:6379/0",
}


@pytest.mark.parametrize(("value", "shown"), MASKED.items(), ids=range(len(MASKED)))
def test_passwords_in_addresses_are_masked(value: str, shown: str) -> None:
    assert masked("database_url", value) == shown


def test_an_unreachable_database_is_a_problem_with_a_way_out(tmp_path: Path) -> None:
    shell = Shell(
        {
            "LEDGER_DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/nowhere",
            "LEDGER_DATA_DIR": str(tmp_path),
        }
    )
    report = shell.json("doctor", code=1)
    assert report["ok"] is False
    (database,) = [check for check in report["checks"] if check["name"] == "database"]
    assert database["health"] == "problem"
    assert "LEDGER_DATABASE_URL" in database["mend"]
    assert health(report)["data directory"] == "ok"


def test_looking_at_an_embedded_database_that_is_not_there_does_not_make_it(
    tmp_path: Path,
) -> None:
    report = Shell({"LEDGER_DATA_DIR": str(tmp_path)}).json("doctor")
    assert health(report)["database"] == "ok"
    assert list(tmp_path.iterdir()) == []


def test_settings_that_cannot_be_used_are_the_one_problem() -> None:
    report = Shell({"LEDGER_CACHE_TTL_SECONDS": "soon"}).json("doctor", code=1)
    (problem,) = report["checks"]
    assert "LEDGER_CACHE_TTL_SECONDS" in problem["found"]


def test_a_database_without_a_schema_is_no_problem_yet(database: Database, tmp_path: Path) -> None:
    with psycopg.connect(database.owner_url) as connection:
        connection.execute("DROP SCHEMA ledger CASCADE")
    report = Shell.over(database, data_dir=tmp_path).json("doctor")
    assert health(report)["schema"] == "warn"


def test_a_schema_of_another_revision_is_a_problem(database: Database, tmp_path: Path) -> None:
    with psycopg.connect(database.owner_url) as connection:
        connection.execute("UPDATE ledger.alembic_version SET version_num = '9999'")
    report = Shell.over(database, data_dir=tmp_path).json("doctor", code=1)
    assert health(report)["schema"] == "problem"


def test_an_application_that_could_write_events_itself_is_a_problem(
    database: Database, tmp_path: Path
) -> None:
    with psycopg.connect(database.owner_url) as connection:
        connection.execute("GRANT INSERT ON ledger.events TO ledger_app")
    report = Shell.over(database, data_dir=tmp_path).json("doctor", code=1)
    assert health(report)["roles"] == "problem"


def test_a_server_that_could_lose_events_is_a_problem(database: Database, tmp_path: Path) -> None:
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off'.encode())
    report = Shell.over(database, data_dir=tmp_path).json("doctor", code=1)
    assert health(report)["safe settings"] == "problem"


@pytest.mark.anyio
async def test_clocks_that_are_apart_deserve_a_look(database: Database) -> None:
    found = await check_connection(
        database.app_url, wall=lambda: wall_clock() - timedelta(seconds=90)
    )
    (clock,) = [finding for finding in found if finding.name == "clock"]
    assert clock.health == "warn"
    assert clock.found.startswith(("89.", "90.", "91."))
    assert "behind" in clock.found


def test_a_key_that_is_never_bypassed_must_be_known(database: Database, tmp_path: Path) -> None:
    shell = Shell.over(database, data_dir=tmp_path)
    shell("catalog", "show")
    shell = Shell(shell.env | {"LEDGER_BYPASS_NEVER": "hr,payrol"})
    report = shell.json("doctor", code=1)
    (found,) = [each for each in report["checks"] if each["name"] == "never bypassed"]
    assert (found["health"], "payrol" in found["found"]) == ("problem", True)


def test_a_variable_that_is_no_setting_is_told(shell: Shell) -> None:
    misspelt = Shell(shell.env | {"LEDGER_DATABSE_URL": "postgresql://db/ledger"})
    settings = {finding["name"]: finding for finding in misspelt.json("doctor")["settings"]}
    assert settings["LEDGER_DATABSE_URL"]["health"] == "warn"


def test_a_key_file_that_cannot_be_read_is_a_problem(shell: Shell, tmp_path: Path) -> None:
    env = shell.env | {
        "LEDGER_JWT_SECRET": "",
        "LEDGER_JWT_PUBLIC_KEY_FILE": str(tmp_path / "none.pem"),
    }
    assert health(Shell(env).json("doctor", code=1))["tokens"] == "problem"


def test_a_data_directory_that_is_a_file_is_a_problem(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    broken = Shell(shell.env | {"LEDGER_DATA_DIR": str(file)})
    assert health(broken.json("doctor", code=1))["data directory"] == "problem"
