"""The legacy import, typed: counts, tables, exit codes, and what a kill in the middle leaves."""

import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from infra.cli.importing import line_count
from infra.database import Database
from tests.consumers.legacy.rows import line
from tests.infra.cli.shell import Shell

MANY = 6_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An export of three orgs that can be imported, one that cannot, and a broken line."""
    file = tmp_path / "legacy.jsonl"
    file.write_bytes(
        line(id=1, enabled_modules={"CRM": True, "ERP": None})
        + line(id=2, enabled_modules={"CRM": "off"}, route_access={"leads": 0})
        + line(id=3, enabled_modules={"METAVERSE": True})
        + b'{"id": 4\n'
        + line(id=5)
    )
    return file


def test_what_can_be_taken_over_is_and_the_rest_is_named(own_shell: Shell, file: Path) -> None:
    said = own_shell("legacy", "import", file, code=1).stdout
    assert "3 imported, 0 unchanged, 0 differing, 1 held, 1 broken" in said
    assert "1 null or empty flags were read as never set" in said
    assert "Line 4 is broken: not JSON" in said
    (held,) = [row for row in said.splitlines() if "METAVERSE" in row]
    assert held.split()[:2] == ["3", "3"]
    assert "What differs: unknown_key 1." in said
    (batch,) = [row.split()[-1] for row in said.splitlines() if "--batch" in row]
    assert "OrgRegistered" in own_shell("audit", "search", "--batch", batch).stdout
    assert own_shell.json("org", "show", 1)["modules"][0]["sources"] == ["legacy"]


def test_the_document_has_every_difference(own_shell: Shell, file: Path) -> None:
    done = own_shell.json("legacy", "import", file, code=1)
    assert done["counts"] == {
        "imported": 3,
        "unchanged": 0,
        "differing": 0,
        "held": 1,
        "broken": 1,
    }
    (held,) = done["held"]
    assert (held["line"], held["org_id"], held["state"]) == (3, 3, "held")
    assert held["differences"][0]["code"] == "unknown_key"
    assert done["differences_by_code"] == {"unknown_key": 1}
    assert [broken["line"] for broken in done["broken"]] == [4]


def test_a_dry_run_writes_nothing(own_shell: Shell, file: Path) -> None:
    said = own_shell("legacy", "import", file, "--dry-run", code=1).stdout
    assert "3 would be imported" in said
    assert "Nothing was written" in said
    assert own_shell.json("org", "list")["orgs"] == []


def test_an_import_with_nothing_to_look_at_exits_with_0(own_shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "clean.jsonl"
    file.write_bytes(line(id=1) + line(id=2))
    assert "2 imported" in own_shell("legacy", "import", file).stdout
    again = own_shell("legacy", "import", file).stdout
    assert "2 unchanged" in again
    assert "This run changed nothing." in again


@pytest.mark.parametrize(
    ("content", "lines"), [(b"", 0), (b"{}", 1), (b"{}\n", 1), (b"{}\n\n{}", 3)]
)
def test_the_bar_knows_how_many_lines_there_are(tmp_path: Path, content: bytes, lines: int) -> None:
    """Also where the last line has no end."""
    file = tmp_path / "some.jsonl"
    file.write_bytes(content)
    assert line_count(file) == lines


def test_an_edited_row_is_a_difference(own_shell: Shell, tmp_path: Path) -> None:
    """Case 28."""
    file = tmp_path / "legacy.jsonl"
    file.write_bytes(line(id=1, enabled_modules={"CRM": False}))
    own_shell("legacy", "import", file)
    file.write_bytes(line(id=1, enabled_modules={"CRM": True}))

    done = own_shell.json("legacy", "import", file, code=1)

    assert done["counts"]["differing"] == 1
    assert own_shell.json("org", "show", 1)["modules"][0]["status"] == "disabled"


def test_strictness_holds_orgs_with_empty_flags(own_shell: Shell, file: Path) -> None:
    done = own_shell.json("legacy", "import", file, "--strict", code=1)
    assert (done["counts"]["imported"], done["counts"]["held"]) == (2, 2)


def test_the_first_twenty_held_orgs_are_listed_unless_all_are_asked_for(
    own_shell: Shell, tmp_path: Path
) -> None:
    file = tmp_path / "held.jsonl"
    file.write_bytes(b"".join(line(id=n, enabled_modules=None) for n in range(1, 24)))
    typed = ("legacy", "import", file)
    said = own_shell(*typed, code=1).stdout
    assert said.count("is null, not an object") == 20
    assert "... and 3 more" in said
    assert own_shell(*typed, "--all-held", code=1).stdout.count("is null, not an object") == 23


def test_an_import_that_was_killed_is_finished_by_the_next(
    own_shell: Shell, database: Database, tmp_path: Path
) -> None:
    """No org is ever half imported, and none twice."""
    file = tmp_path / "many.jsonl"
    flags = {"CRM": True, "ERP": 1, "HR": "on"}
    file.write_bytes(b"".join(line(id=n, enabled_modules=flags) for n in range(1, MANY + 1)))
    own_shell("migrate")

    process = subprocess.Popen(
        [sys.executable, "-m", "infra.cli", "legacy", "import", str(file)],
        env=os.environ | own_shell.env,
        stdout=subprocess.DEVNULL,
    )
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        query = "SELECT count(*) FROM ledger.current_entitlements"
        deadline = time.monotonic() + 60
        while connection.execute(query).fetchone() == (0,) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.kill()
        process.wait()

        counts = own_shell.json("legacy", "import", file)["counts"]

        assert counts["imported"] > 0
        assert counts["unchanged"] > 0
        assert counts["imported"] + counts["unchanged"] == MANY
        query = "SELECT DISTINCT max(version) FROM ledger.events WHERE stream LIKE 'org-%'"
        assert connection.execute(query + " GROUP BY stream").fetchall() == [(4,)]
    own_shell("views", "rebuild", "--dry-run")


def test_a_terminal_sees_progress(own_shell: Shell, file: Path) -> None:
    """And standard output stays what a script reads."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        done = subprocess.run(
            [sys.executable, "-m", "infra.cli", "legacy", "import", str(file), "--json"],
            env=os.environ | own_shell.env | {"TERM": "xterm", "COLUMNS": "100"},
            stdout=subprocess.PIPE,
            stderr=theirs,
            check=False,
        )
        os.close(theirs)
        seen = terminal.read(100_000)
    assert json.loads(done.stdout)["counts"]["imported"] == 3
    assert b"Importing" in seen
