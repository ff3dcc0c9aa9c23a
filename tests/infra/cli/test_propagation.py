"""`entitlements relay`, `invalidate`, `restore-epoch` and `org refresh`, without a broker."""

import json
import os
import signal
import subprocess
import sys

import psycopg
import pytest

from domain.bypass import BYPASS_USES_STREAM
from infra.carrying import Teller
from infra.clock import LedgerClock
from infra.database import Database
from tests.infra.cli.shell import Shell
from tests.infra.store.world import head

pytestmark = pytest.mark.one_server


def test_a_relay_needs_a_broker(shell: Shell) -> None:
    """It says how to get one."""
    assert "LEDGER_KAFKA_BOOTSTRAP_SERVERS" in shell("relay", code=1).stderr


def test_an_org_is_read_anew(shell: Shell) -> None:
    """And one that does not exist is told."""
    org = shell.new_org()
    assert shell.json("org", "refresh", org) == {"org_id": org, "org_version": 1}
    assert f"organisation {org} anew" in shell("org", "refresh", org).stdout
    assert shell.refusal("org", "refresh", 999_999)["code"] == "unknown_org"


def test_a_new_epoch_begins_only_when_that_is_said(shell: Shell, module_database: Database) -> None:
    """Without Kafka there is nothing to list."""
    org = shell.new_org()
    assert shell.json("restore-epoch")["dry_run"] is True
    assert epoch(module_database) == 1
    assert "Nothing was changed" in shell("restore-epoch").stdout

    done = shell.json("restore-epoch", "--yes")
    assert (done["ledger_epoch"], done["lost"], done["gone"]) == (2, [], [])
    assert epoch(module_database) == 2
    shell.command(org, "grant", key="crm")


def epoch(database: Database) -> int:
    with psycopg.connect(database.app_url) as connection:
        return head(connection).epoch


def test_what_moves_is_printed_until_interrupted(own_shell: Shell) -> None:
    """Out of PostgreSQL, where no broker is configured."""
    own_shell.new_org()
    words = [sys.executable, "-m", "infra.cli", "invalidate", "--json"]
    with subprocess.Popen(
        words, env=os.environ | own_shell.env, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"evicted": "everything"}
        org = own_shell.new_org()
        told = json.loads(process.stdout.readline())
        assert (told["evicted"], told["org_id"], told["version"]) == ("org", org, 1)
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == ""
    assert process.returncode == 0


def test_of_what_no_cache_holds_nothing_is_told() -> None:
    """The feed tells of a use of the bypass only where one ends what it has read."""
    told: list[str] = []
    teller = Teller(lambda what, facts: told.append(what), clock=LedgerClock())
    for stream in (BYPASS_USES_STREAM, "org-1", "catalog"):
        teller.stream_moved(stream, version=2, position=7)
    assert told == ["org", "catalog"]
