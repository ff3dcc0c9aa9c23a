"""`entitlements bulk`: a file applied, looked at and undone from a shell."""

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.consumers.legacy.rows import line
from tests.infra.cli.shell import REASON, Shell

pytestmark = pytest.mark.one_server


@pytest.fixture
def orgs(shell: Shell) -> list[int]:
    """Two orgs with nothing granted."""
    return [shell.new_org(), shell.new_org()]


@pytest.fixture
def file(tmp_path: Path, orgs: list[int]) -> Path:
    """CSV with a grant, a trial, and a row for an org there is not."""
    file = tmp_path / "rows.csv"
    until = (datetime.now(UTC) + timedelta(days=14)).isoformat()
    file.write_text(
        "org,command,key,until,reason\n"
        f"{orgs[0]},grant,crm,,\n"
        f"{orgs[1]},start-trial,hr,{until},A reason of its own\n"
        f"999999,grant,crm,,\n"
    )
    return file


def modules(shell: Shell, org: int) -> dict[str, str]:
    """The modules an org may use, each with its status."""
    found = shell.json("org", "show", org)["modules"]
    return {entry["key"]: entry["status"] for entry in found if entry["sources"]}


def apply(shell: Shell, file: Path, *words: str, code: int = 1) -> Any:
    """The document of an application."""
    return shell.json("bulk", "apply", file, "--reason", REASON, *words, code=code)


def test_a_file_is_applied_shown_and_undone(shell: Shell, file: Path, orgs: list[int]) -> None:
    batch = f"batch-{orgs[0]}"

    done = apply(shell, file, "--batch-id", batch)
    assert [r["outcome"] for r in done["results"]] == ["changed", "changed", "refused"]
    assert done["results"][2]["code"] == "unknown_org"

    shown = shell.json("bulk", "show", batch)
    assert ([o["org_id"] for o in shown["orgs"]], shown["reason"]) == (orgs, REASON)

    preview = shell.json("bulk", "undo", batch, "--reason", REASON, "--dry-run")
    plan = ("--plan-token", preview["plan_token"])
    undone = shell.json("bulk", "undo", batch, "--reason", REASON, *plan)
    assert (preview["undone"], undone["undone"], undone["changed"]) == (2, 2, 2)
    assert [modules(shell, org) for org in orgs] == [{}, {}]


def test_the_same_file_under_the_same_id_goes_on(shell: Shell, file: Path, orgs: list[int]) -> None:
    batch = f"again-{orgs[0]}"
    apply(shell, file, "--batch-id", batch)
    again = apply(shell, file, "--batch-id", batch)
    assert [r["outcome"] for r in again["results"]] == ["known", "known", "refused"]


def test_a_dry_run_changes_nothing_and_exits_as_the_real_one(
    shell: Shell, file: Path, orgs: list[int]
) -> None:
    preview = apply(shell, file, "--dry-run")
    assert (preview["changed"], preview["refused"]) == (2, 1)
    assert [modules(shell, org) for org in orgs] == [{}, {}]
    apply(shell, file, "--plan-token", preview["plan_token"])
    assert [len(modules(shell, org)) for org in orgs] == [1, 1]


def test_a_person_reads_what_was_refused_and_how_to_go_on(
    shell: Shell, file: Path, orgs: list[int]
) -> None:
    said = shell("bulk", "apply", file, "--reason", REASON, code=1)
    (refused,) = [line for line in said.stdout.splitlines() if "999999" in line]
    assert refused.split()[:4] == ["3", "999999", "grant", "unknown_org"]
    assert "3 rows: 2 changed, 0 unchanged, 1 refused, 0 done by an earlier run." in said.stdout
    batch = said.stderr.split("--batch-id ")[1].strip()
    assert f"entitlements bulk undo {batch}" in said.stdout

    shown = shell("bulk", "show", batch).stdout
    assert f"Batch {batch}: 2 events on 2 organisations" in shown
    assert "1 × TrialStarted" in shown

    shell.command(orgs[0], "revoke", key="crm")
    undo = ("bulk", "undo", batch, "--reason", REASON)
    preview = shell(*undo, "--dry-run", code=1).stdout
    assert "What would be done:" in preview
    assert "ended" in preview
    said_undone = shell(*undo, code=1).stdout
    assert "1 left alone: it was changed since, by somebody else" in said_undone
    assert f"The undo is batch undo-{batch}." in said_undone
    assert f"It was undone by batch undo-{batch}." in shell("bulk", "show", batch).stdout


def test_json_lines_need_no_format_and_other_endings_do(shell: Shell, tmp_path: Path) -> None:
    org = shell.new_org()
    rows = json.dumps({"org": org, "command": "grant", "key": "crm"})
    named, unnamed = tmp_path / "rows.jsonl", tmp_path / "rows"
    named.write_text(rows)
    unnamed.write_text(rows)
    assert apply(shell, named, code=0)["changed"] == 1
    shell("bulk", "apply", unnamed, "--reason", REASON, code=2)
    assert apply(shell, unnamed, "--format", "jsonl", code=0)["unchanged"] == 1


def test_a_file_that_is_none_is_told(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("org,command,kee\n1,grant,crm\n")
    problem = shell.refusal("bulk", "apply", file, "--reason", REASON)
    assert (problem["code"], problem["column"]) == ("unknown_column", "kee")
    assert shell.refusal("bulk", "show", "no-such-batch")["code"] == "unknown_batch"
    for batch, code in (("no-such-batch", "unknown_batch"), ("short", "invalid_batch_id")):
        refused = shell.refusal("bulk", "undo", batch, "--reason", REASON)
        assert refused["code"] == code
        assert "entitlements audit search" in refused["hint"]
        assert "new batch" not in refused["hint"]


def test_an_import_is_a_batch_that_can_be_undone(shell: Shell, tmp_path: Path) -> None:
    """The organisation stays known, which leaves nothing to look at."""
    file = tmp_path / "legacy.jsonl"
    file.write_bytes(line(id=77, enabled_modules={"CRM": True}, route_access={"leads": 0}))
    batch = shell.json("legacy", "import", file)["batch_id"]
    assert list(modules(shell, 77)) == ["crm"]

    shown = shell.json("bulk", "show", batch)
    assert (shown["actor"], shown["org_count"], shown["events"]) == ("legacy-import", 1, 3)
    undone = shell.json("bulk", "undo", batch, "--reason", REASON)

    assert (undone["undone"], undone["skipped"]) == (2, {"registration_stays": 1})
    assert modules(shell, 77) == {}
    assert shell.json("org", "show", 77)["name"]


def test_a_terminal_sees_progress(shell: Shell, file: Path) -> None:
    """And standard output stays what a script reads."""
    ours, theirs = pty.openpty()
    words = ["bulk", "apply", str(file), "--reason", REASON, "--json"]
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        done = subprocess.run(
            [sys.executable, "-m", "infra.cli", *words],
            env=os.environ | shell.env | {"TERM": "xterm", "COLUMNS": "100"},
            stdout=subprocess.PIPE,
            stderr=theirs,
            check=False,
        )
        os.close(theirs)
        seen = terminal.read(100_000)
    assert (done.returncode, json.loads(done.stdout)["changed"]) == (1, 2)
    assert b"Applying" in seen
