"""Each import-linter contract in pyproject.toml fails on the import it forbids."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.sources import ROOMS, ROOT

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

# (contract, room, import): what the contract of that id must not let pass.
VIOLATIONS = [
    ("layers", "domain", "projections"),
    ("layers", "projections", "api"),
    ("layers", "projections", "consumers"),
    ("layers", "api", "consumers"),
    ("layers", "consumers", "api"),
    ("layers", "api", "infra"),
    ("domain-is-pure", "domain", "pydantic"),
    ("domain-is-pure", "domain", "redis"),
    ("domain-is-pure", "domain", "sqlalchemy.orm"),
    ("sql-in-projections-and-infra", "domain", "psycopg"),
    ("sql-in-projections-and-infra", "api", "psycopg.rows"),
    ("sql-in-projections-and-infra", "consumers", "sqlalchemy"),
    ("kafka-in-consumers-and-infra", "domain", "kafka"),
    ("kafka-in-consumers-and-infra", "projections", "kafka"),
    ("kafka-in-consumers-and-infra", "api", "kafka.errors"),
    ("prometheus-in-infra", "domain", "prometheus_client"),
    ("prometheus-in-infra", "projections", "prometheus_client.core"),
    ("prometheus-in-infra", "api", "prometheus_client"),
    ("prometheus-in-infra", "consumers", "prometheus_client"),
    ("web-in-api-and-infra", "domain", "fastapi"),
    ("web-in-api-and-infra", "projections", "starlette.responses"),
    ("web-in-api-and-infra", "consumers", "uvicorn"),
    *(("sdk-knows-no-server", "entitlements_sdk", room) for room in ROOMS),
    ("sdk-knows-no-server", "entitlements_sdk", "psycopg"),
    ("sdk-knows-no-server", "entitlements_sdk", "eventsourcing.domain"),
    ("sdk-core-is-light", "entitlements_sdk", "fastapi"),
    ("sdk-core-is-light", "entitlements_sdk", "starlette.requests"),
    ("sdk-core-is-light", "entitlements_sdk", "jwt"),
]

# The SDK lies elsewhere and is a package beside the rooms all the same.
PACKAGES = (*ROOMS, "entitlements_sdk")

# One import per room that every contract must let pass.
ALLOWED = {
    "domain": "eventsourcing.domain",
    "projections": "psycopg",
    "api": "fastapi, projections.culprit",
    "consumers": "kafka, projections.culprit",
    "infra": "kafka, fastapi, sqlalchemy, prometheus_client, "
    "api.culprit, consumers.culprit, entitlements_sdk.culprit",
    "entitlements_sdk": "httpx",
}


def contracts() -> dict[str, str]:
    """The name of each contract, by its id."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {each["id"]: each["name"] for each in pyproject["tool"]["importlinter"]["contracts"]}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Our rooms, empty but for one allowed import each, under our own contracts."""
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    for room in PACKAGES:
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").touch()
        (tmp_path / room / "culprit.py").write_text(f"import {ALLOWED[room]}\n", encoding="utf-8")
    return tmp_path


def lint(tree: Path) -> tuple[int, str]:
    """The exit code of lint-imports in `tree`, and what it printed."""
    # PYTHONPATH puts these rooms before the installed ones.
    done = subprocess.run(
        [LINT_IMPORTS, "--no-logo", "--no-cache"],
        cwd=tree,
        env={"PYTHONPATH": str(tree), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_every_contract_has_a_violation_here() -> None:
    assert {contract for contract, _, _ in VIOLATIONS} == set(contracts())


def test_the_contracts_let_the_allowed_imports_pass(tree: Path) -> None:
    code, output = lint(tree)
    assert code == 0, output
    assert f"{len(contracts())} kept, 0 broken" in output


@pytest.mark.parametrize(("contract", "room", "imported"), VIOLATIONS)
def test_a_contract_fails_on_a_violation(
    tree: Path, contract: str, room: str, imported: str
) -> None:
    (tree / room / "violation.py").write_text(f"import {imported}\n", encoding="utf-8")
    code, output = lint(tree)
    assert code == 1, output
    assert f"{contracts()[contract]} BROKEN" in output
