"""Errors that are no bugs: a sentence, a code, a way out, and no traceback."""

import importlib
import json
from pathlib import Path

import psycopg
import pytest

from infra.cli.problems import KNOWN, problem_of
from infra.database import Database
from tests.infra.cli.shell import REASON, Shell

PASSWORD = "open-sesame"
NOWHERE = f"postgresql://u:{PASSWORD}@127.0.0.1:1/nowhere"


@pytest.mark.parametrize("name", KNOWN)
def test_every_known_error_exists(name: str) -> None:
    """They are known by name; a class that moves must be followed."""
    module, _, cls = name.rpartition(".")
    error = getattr(importlib.import_module(module), cls)
    assert issubclass(error, Exception)
    assert f"{error.__module__}.{error.__qualname__}" == name


def test_a_bug_is_not_told_as_a_problem() -> None:
    assert problem_of(KeyError("crm")) is None


def test_a_refusal_is_told_on_standard_error_with_a_hint(shell: Shell) -> None:
    result = shell("org", "show", 999, code=1)
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "Organization with id 999 not found",
        "Hint: Register it with POST /api/v1/admin/orgs or 'entitlements org register'.",
    ]


def test_a_refusal_as_json_is_a_problem_with_its_code(shell: Shell) -> None:
    problem = shell.refusal("org", "grant", 999, "--key", "crm", "--reason", REASON)
    assert problem["code"] == "unknown_org"
    assert problem["type"] == "urn:entitlements-ledger:problem:unknown_org"
    assert problem["org"] == "999"
    assert problem["detail"].startswith("Organization with id 999")
    assert "hint" in problem


@pytest.mark.parametrize("words", [("org", "list"), ("views", "status"), ("migrate",)])
def test_an_unreachable_database_is_told_without_its_password(words: tuple[str, ...]) -> None:
    result = Shell({"LEDGER_DATABASE_URL": NOWHERE})(*words, "--json", code=1)
    assert json.loads(result.stderr)["code"] == "database_unreachable"
    assert PASSWORD not in result.output


@pytest.mark.parametrize("url", [f"postgres//u:{PASSWORD}@db/x", f"host=db {PASSWORD}"])
def test_an_address_that_is_none_is_told_without_repeating_it(url: str) -> None:
    result = Shell({"LEDGER_DATABASE_URL": url})("org", "list", "--json", code=1)
    assert json.loads(result.stderr)["code"] == "database_address_invalid"
    assert PASSWORD not in result.output


def test_settings_that_cannot_be_used_are_named() -> None:
    problem = Shell({"LEDGER_CACHE_TTL_SECONDS": "soon"}).refusal("org", "list")
    assert problem["code"] == "settings_problem"
    assert "LEDGER_CACHE_TTL_SECONDS" in problem["detail"]


def test_a_role_that_may_not_migrate_is_told_what_to_set(
    database: Database, tmp_path: Path
) -> None:
    """The role of the application could not make the schema if it were gone."""
    with psycopg.connect(database.owner_url) as connection:
        connection.execute("DROP SCHEMA ledger CASCADE")
    shell = Shell.over(database, data_dir=tmp_path, LEDGER_MIGRATION_DATABASE_URL="")
    problem = shell.refusal("migrate")
    assert problem["code"] == "schema_behind"
    assert "LEDGER_MIGRATION_DATABASE_URL" in problem["detail"]
