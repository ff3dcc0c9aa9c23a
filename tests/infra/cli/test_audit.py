"""`entitlements audit verify` and its kin, as an operator types them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from infra.database import Database
from infra.integrity.checkpoints import FILE
from tests.infra.cli.shell import Shell

Forge = Callable[[LiteralString], None]


@pytest.fixture
def org(own_shell: Shell) -> int:
    """An org with some history."""
    found = own_shell.new_org()
    own_shell.command(found, "grant", key="crm")
    own_shell.command(found, "revoke", key="crm")
    return found


@pytest.fixture
def forge(database: Database) -> Forge:
    """Changes the log behind the ledger's back."""

    def forge(statement: LiteralString) -> None:
        with psycopg.connect(database.owner_url) as owner:
            owner.execute("ALTER TABLE ledger.events DISABLE TRIGGER immutable")
            owner.execute(statement)

    return forge


CUT = (
    "DELETE FROM ledger.events WHERE position = 4;"
    " UPDATE ledger.head h SET position = 3, hash = e.hash, recorded_at = e.recorded_at"
    "   FROM ledger.events e WHERE e.position = 3"
)


@pytest.mark.usefixtures("org")
def test_a_log_that_is_right_verifies(own_shell: Shell) -> None:
    """It says how far, and against what."""
    own_shell("audit", "sign")

    printed = own_shell("audit", "verify").stdout

    assert "4 events are what was recorded" in printed
    assert "that it extends: 1, the last of them at position 4." in printed
    assert "Verified up to position 4." in printed


@pytest.mark.usefixtures("org")
def test_without_a_checkpoint_it_says_what_it_cannot_see(own_shell: Shell) -> None:
    assert "No checkpoint is kept here" in own_shell("audit", "verify").stdout


@pytest.mark.usefixtures("org")
def test_a_break_is_named_and_exits_with_1(own_shell: Shell, forge: Forge) -> None:
    forge("UPDATE ledger.events SET state = state || ' ' WHERE position = 3")

    printed = own_shell("audit", "verify", code=1).stdout
    document = own_shell.json("audit", "verify", code=1)

    assert "BROKEN at position 3 (altered):" in printed
    assert "2 events are what was recorded" in printed
    assert (document["ok"], document["break"]["position"]) == (False, 3)


@pytest.mark.usefixtures("org")
def test_a_tail_that_was_cut_is_named(own_shell: Shell, forge: Forge) -> None:
    """Only what is kept outside the database can tell."""
    own_shell("audit", "sign")
    forge(CUT)

    assert own_shell.json("audit", "verify", code=1)["break"]["kind"] == "tail_cut"


def test_the_events_of_one_org_are_verified_alone(own_shell: Shell, org: int) -> None:
    document = own_shell.json("audit", "verify", "--org", org)

    assert (document["ok"], document["org_id"], document["events"]) == (True, org, 3)
    assert own_shell.refusal("audit", "verify", "--org", 999)["code"] == "unknown_org"


@pytest.mark.usefixtures("org")
def test_a_checkpoint_that_was_damaged_is_named(own_shell: Shell, tmp_path: Path) -> None:
    own_shell("audit", "sign")
    line = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps(line | {"position": 3}) + "\n")

    printed = own_shell("audit", "verify", code=1).stdout

    assert "DAMAGED: line 1 of the checkpoints" in printed


@pytest.mark.usefixtures("org")
def test_a_log_that_was_cut_is_not_signed(own_shell: Shell, forge: Forge) -> None:
    """It says what to do in each case that it may be."""
    assert own_shell.json("audit", "sign") == {"signed": True, "position": 4}
    assert own_shell.json("audit", "sign") == {"signed": False, "position": None}
    forge(CUT)

    assert own_shell.refusal("audit", "sign")["code"] == "log_not_extended"


@pytest.mark.usefixtures("org")
def test_a_restored_backup_is_signed_when_an_operator_says_so(
    own_shell: Shell, forge: Forge
) -> None:
    own_shell("audit", "sign")
    forge(CUT)
    forge("UPDATE ledger.head SET epoch = 2")

    own_shell("audit", "sign", "--restored")

    assert own_shell.json("audit", "verify")["checkpointed"] == 3


@pytest.mark.usefixtures("org")
def test_checkpoints_are_listed_with_the_keys_that_signed_them(own_shell: Shell) -> None:
    """A new key signs on, and what the old one signed stays valid."""
    own_shell("audit", "sign")
    key = own_shell.json("audit", "rotate-key")["key_id"]
    own_shell("audit", "sign")

    page = own_shell.json("audit", "checkpoints", "--limit", 1)
    rest = own_shell.json("audit", "checkpoints", "--after", page["next"])

    assert [entry["line"] for entry in page["checkpoints"] + rest["checkpoints"]] == [1, 2]
    assert rest["checkpoints"][0]["key_id"] == key
    assert [listed["current"] for listed in rest["keys"]] == [False, True]
    assert "More: entitlements audit checkpoints --after 1" in (
        own_shell("audit", "checkpoints", "--limit", 1).stdout
    )
    assert own_shell.json("audit", "verify")["checkpoints"] == 2
