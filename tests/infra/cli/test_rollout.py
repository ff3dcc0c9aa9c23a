"""`entitlements rollout`: who is gated, and going back; `test_rollout_walk.py` has the plan."""

import json
import re
import shlex
from pathlib import Path

import psycopg
import pytest

from infra.database import Database
from tests.infra.cli.shell import REASON, Shell

pytestmark = pytest.mark.one_server


@pytest.fixture
def shell(database: Database, tmp_path: Path) -> Shell:
    """A shell over a database without any rollout."""
    return Shell.over(database, data_dir=tmp_path)


def test_before_anything_everything_is_enforced(shell: Shell) -> None:
    told = shell("rollout", "status").stdout
    assert "100 % of the organisations" in told
    assert "step             0" in told
    assert "everything is enforced" in shell("rollout", "history").stdout


def test_an_org_is_forced_and_taken_back_and_everybody_with_it(shell: Shell) -> None:
    """A cohort by name; then a rollback of one org, and the kill switch."""
    org = shell.new_org()
    shell("rollout", "set", "--percent", "5", "--default", "shadow", "--reason", REASON)
    shell("rollout", "set", "--force-org", org, "--tag", "early", "--reason", REASON)
    ruled = shell.json("rollout", "history", "--org", org, "--key", "crm")["ruling"]
    assert (ruled["mode"], ruled["rule"]) == ("enforce", "forced_org")
    assert [m["org_id"] for m in shell.json("rollout", "cohort", "--tag", "early")] == [org]

    told = shell("rollout", "rollback", "--scope", "org", "--org", org, "--reason", REASON).stdout
    assert f"exempt orgs      {org}" in told
    told = shell("rollout", "kill", "--reason", REASON).stdout
    assert "ON: nothing is gated" in told
    assert "off" in shell("rollout", "resume", "--reason", REASON).stdout


def without_version(told: str) -> str:
    """What `rollout status` says, but for how often anything was changed."""
    return re.sub(r"version +\d+", "", told)


def test_what_was_changed_says_how_it_is_taken_back(shell: Shell) -> None:
    """Typed as it stands, it leads to the rules that held before."""
    org = shell.new_org()
    shell("rollout", "set", "--percent", "0", "--default", "shadow", "--reason", REASON)
    before = shell("rollout", "status").stdout
    told = shell(
        "rollout",
        *("set", "--default", "off", "--exempt-org", org, "--force-org", org, "--tag", "early"),
        *("--exempt-module", "crm", "--reason", REASON),
    ).stdout
    _, back = told.split("Take it back:")
    for line in back.strip().splitlines():
        shell(*shlex.split(line)[1:])
    after = shell("rollout", "status").stdout
    assert without_version(after) == without_version(before)

    told = shell("rollout", "kill", "--reason", REASON).stdout
    assert "entitlements rollout resume --reason" in told
    assert "Take it back" not in shell("rollout", "kill", "--reason", REASON).stdout


def test_a_promotion_rests_on_what_was_watched(shell: Shell, database: Database) -> None:
    """Who would lose what, and why going on is refused; with an override it is not."""
    org = shell.new_org(name="Acme Works")
    shell("rollout", "set", "--percent", 0, "--default", "shadow", "--reason", REASON)
    version = shell.json("rollout", "status")["rollout_version"]
    assert "nothing was watched" in shell("rollout", "readiness", "--percent", 100).stdout
    with psycopg.connect(database.app_url, autocommit=True) as app:
        app.execute(
            "SELECT ledger.keep_watched(%s, '{999}', '{0}', '{0}', %s, %s, '{hr}', '{f}',"
            " '{not_granted}', '{4}', ARRAY[clock_timestamp()])",
            ([version], [version], [str(org)]),
        )
    assert "0 of 999" in shell("rollout", "readiness", "--percent", 100).stdout
    shell.command(org, "grant", key="crm")
    with psycopg.connect(database.app_url, autocommit=True) as app:
        app.execute(
            "SELECT ledger.keep_watched(%s, '{1}', '{0}', '{0}', %s, %s, '{crm.orders}', '{f}',"
            " '{blocked}', '{2}', ARRAY[clock_timestamp()])",
            ([version], [version], [str(org)]),
        )

    told = shell("rollout", "readiness", "--percent", 100, code=1).stdout
    assert "2 of 1000" in told
    assert "REFUSED" in told
    [losing] = shell.json("rollout", "readiness", "--percent", 100, code=1)["newly_denied"]
    assert (losing["org_id"], [used["key"] for used in losing["keys"]]) == (org, ["hr"])
    up = ("rollout", "set", "--percent", 100, "--reason", REASON)
    assert shell.refusal(*up)["code"] == "promotion_refused"
    shell(*up, "--override")
    assert shell.json("rollout", "status")["percent"] == 100


def test_several_rules_change_together(shell: Shell) -> None:
    """One module is unknown, so the percentage stays."""
    words = ("rollout", "set", "--percent", "5", "--exempt-module", "crmm", "--reason", REASON)
    assert shell.refusal(*words)["code"] == "unknown_key"
    assert shell.json("rollout", "status")["percent"] == 100


def test_nothing_to_set_is_wrong_usage(shell: Shell) -> None:
    shell("rollout", "set", "--reason", REASON, code=2)
    shell("rollout", "cohort", code=2)


def test_this_machine_is_switched_without_a_ledger(tmp_path: Path) -> None:
    """The database is out of reach, and the switch works all the same."""
    shell = Shell(
        {
            "LEDGER_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/ledger",
            "LEDGER_DATA_DIR": str(tmp_path),
        }
    )
    shell("rollout", "kill", "--here", "--reason", REASON)
    assert (tmp_path / "gating").read_text() == "off\n"
    assert shell.json("rollout", "resume", "--here", "--reason", REASON)["gating"] == "on"


def test_a_cohort_is_told_by_somebody_elses_tool(shell: Shell) -> None:
    """A line for each organisation, as a table or as JSON."""
    org = shell.new_org(name="+1 Acme")
    words = ("rollout", "messages", "--template", "early-access", "--percent", "100")
    header, line = shell(*words).stdout.splitlines()
    assert header == "org_id,org_name,cohort,subject,body"
    assert line.startswith(f"{org},'+1 Acme,100 %,Your early access")
    told = json.loads(shell(*words, "--format", "jsonl").stdout)
    assert (told["org_id"], told["org_name"]) == (org, "+1 Acme")
    shell("rollout", "messages", "--template", "rollback", code=2)
