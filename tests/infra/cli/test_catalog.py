"""The catalog, typed: shown, compared and published."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.catalog import default_document
from tests.infra.cli.shell import REASON, Shell


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a test writes a catalog."""
    return tmp_path / "catalog.json"


def changed(file: Path, **fields: Any) -> Path:
    """The shipped catalog with other fields for its module `crm`, in a file."""
    document = default_document()
    for module in document["modules"]:
        if module["key"] == "crm":
            module.update(fields)
    file.write_text(json.dumps(document), encoding="utf-8")
    return file


def test_the_catalog_that_is_shown_differs_in_nothing_from_the_one_in_force(
    own_shell: Shell, file: Path
) -> None:
    file.write_text(own_shell("catalog", "show", "--json").stdout, encoding="utf-8")
    assert own_shell.json("catalog", "diff", file) == {"catalog_version": 1, "changes": []}


def test_a_difference_is_told_and_exits_with_1(own_shell: Shell, file: Path) -> None:
    changed(file, display_name="Customers")
    result = own_shell("catalog", "diff", file, code=1)
    assert result.stdout.splitlines() == [
        "  changed crm (display_name)",
        "1 differences from version 1.",
    ]


def test_publishing_makes_the_next_version(own_shell: Shell, file: Path) -> None:
    changed(file, display_name="Customers")
    typed = ("catalog", "apply", file, "--reason", REASON)

    assert own_shell.json(*typed, "--dry-run")["dry_run"] is True
    assert own_shell.json("catalog", "diff", file, code=1)["catalog_version"] == 1

    assert own_shell.json(*typed) == {
        "catalog_version": 2,
        "changes": ["changed crm (display_name)"],
        "changed": True,
    }
    assert "nothing was published" in own_shell(*typed).stdout
    assert "Customers" in own_shell("catalog", "show", "crm").stdout


def test_a_module_that_is_granted_is_retired_only_by_force(own_shell: Shell, file: Path) -> None:
    own_shell.command(own_shell.new_org(), "grant", key="crm")
    typed = ("catalog", "apply", changed(file, is_active=False), "--reason", REASON)
    assert own_shell.refusal(*typed)["code"] == "module_still_granted"
    assert own_shell.json(*typed, "--force")["catalog_version"] == 2


def test_every_module_and_bundle_is_shown(shell: Shell) -> None:
    said = shell("catalog", "show").stdout
    assert said.startswith("Catalog version 1: 49 modules, 10 bundles.")
    assert "crm_suite" in said


def test_a_module_is_shown_with_its_submodules(shell: Shell) -> None:
    assert "crm.lead_management" in shell("catalog", "show", "CRM").stdout
    assert shell.json("catalog", "show", "CRM")["key"] == "crm"
    assert shell.refusal("catalog", "show", "crn")["code"] == "unknown_key"


NO_CATALOGS = {b"{": "unreadable_file", b"\xff": "unreadable_file", b"{}": "invalid_catalog"}


@pytest.mark.parametrize(("content", "code"), NO_CATALOGS.items(), ids=range(len(NO_CATALOGS)))
def test_a_file_that_is_no_catalog_is_refused(
    shell: Shell, file: Path, content: bytes, code: str
) -> None:
    file.write_bytes(content)
    assert shell.refusal("catalog", "apply", file, "--reason", REASON)["code"] == code


def test_a_first_catalog_that_cannot_be_read_is_told(own_shell: Shell, file: Path) -> None:
    file.write_text("{", encoding="utf-8")
    broken = Shell(own_shell.env | {"LEDGER_CATALOG_FILE": str(file)})
    problem = broken.refusal("org", "list")
    assert problem["code"] == "settings_problem"
    assert "LEDGER_CATALOG_FILE" in problem["detail"]
