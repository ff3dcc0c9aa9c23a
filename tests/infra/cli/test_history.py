"""What was so and why, typed: explained, replayed and shown as of an instant."""

import csv
import io
import json
import os
import subprocess
import sys

import pytest

from infra.bench.population import populate
from infra.database import Database
from tests.infra.cli.shell import REASON, Shell

LONG_AGO = "2001-01-01T00:00:00Z"


def recorded(shell: Shell, org: int, *, version: int) -> str:
    """When a version of an org was recorded."""
    events = shell.json("replay", "--org", org)["events"]
    return str(next(e["recorded_at"] for e in events if e["org_version"] == version))


def test_an_explanation_says_who_and_why(shell: Shell) -> None:
    """Fit to be pasted into a ticket."""
    org = shell.new_org()
    shell.command(org, "grant", key="crm", ticket="T-1")

    text = shell("explain", "--org", org, "crm.orders").stdout

    assert "crm.orders is enabled for Acme" in text
    assert f"ModuleGranted crm by cli:root (super_admin): {REASON} [T-1]" in text.replace(
        shell.json("replay", "--org", org)["events"][0]["actor"], "cli:root"
    )


def test_an_explanation_says_what_would_grant_it(shell: Shell) -> None:
    """As text, and as data."""
    org = shell.new_org()

    assert "What would grant it: grant 'crm'." in shell("explain", "--org", org, "crm").stdout
    found = shell.json("explain", "--org", org, "crm")
    assert (found["status"], found["denied_by"]) == ("disabled", "not_granted")


def test_a_replay_lists_the_events_it_used(shell: Shell) -> None:
    """The state, rebuilt from nothing else."""
    org = shell.new_org()
    shell.command(org, "grant", key="crm")
    shell.command(org, "revoke", key="crm")
    before = recorded(shell, org, version=2)

    now = shell.json("replay", "--org", org)
    then = shell.json("replay", "--org", org, "--at", before, "--known-at", before)

    assert (now["states"]["crm"], len(now["events"])) == ("disabled", 3)
    assert (then["states"]["crm"], len(then["events"])) == ("enabled", 2)
    assert "3 events" in shell("replay", "--org", org).stdout


def test_an_org_is_shown_as_it_was(shell: Shell) -> None:
    """At an instant, and not before it was known."""
    org = shell.new_org()
    shell.command(org, "grant", key="crm")
    shell.command(org, "revoke", key="crm")
    before = recorded(shell, org, version=2)

    assert "crm" in shell("org", "show", org, "--at", before, "--known-at", before).stdout
    assert shell.refusal("org", "show", org, "--known-at", LONG_AGO)["code"] == "unknown_org"


def test_an_org_of_a_later_time_is_told_from_one_that_never_was(shell: Shell) -> None:
    """Nothing is invented for a time before the first event, and it says when that was."""
    org = shell.new_org()
    first = recorded(shell, org, version=1)

    problem = shell.refusal("explain", "--org", org, "crm", "--known-at", LONG_AGO)

    assert (problem["code"], problem["first_recorded_at"]) == ("unknown_org", first)
    assert f"its first event was recorded at {first}" in problem["detail"]
    assert "not found" in shell.refusal("explain", "--org", 999, "crm")["detail"]


def test_a_past_standing_says_as_of_when_and_by_what_knowledge(shell: Shell) -> None:
    """What an import tells of the time before the ledger is told from what was seen."""
    org = shell.new_org()
    shell.command(org, "grant", key="crm")
    granted, first = recorded(shell, org, version=2), recorded(shell, org, version=1)

    then = shell("org", "show", org, "--at", granted).stdout
    before = shell("org", "show", org, "--at", LONG_AGO).stdout
    why = shell("explain", "--org", org, "crm", "--at", LONG_AGO).stdout

    assert f"As of {granted}, by what had been recorded at" in then
    assert "first recorded" not in then
    for said in (before, why):
        assert f"The ledger first recorded something about it at {first}" in said
    assert "No module was enabled then." in before
    assert "Grant one" not in before
    document = shell.json("org", "show", org, "--at", granted, "--known-at", granted)
    assert (document["evaluated_at"], document["known_at"]) == (granted, granted)
    assert "As of" not in shell("org", "show", org).stdout


def test_a_past_standing_tells_what_held_then_apart_from_what_came(shell: Shell) -> None:
    """A block of later is none of then, and what ended before its time has an end."""
    org = shell.new_org()
    first = recorded(shell, org, version=1)
    shell.command(org, "grant", key="crm")
    shell.command(org, "block", scope="module", key="crm", category="compliance")
    shell.command(org, "revoke", key="crm")

    then = shell("org", "show", org, "--at", first).stdout

    assert "Blocked, whatever is granted:" not in then
    _, _, later = then.partition("Blocks still to come:")
    assert later.split("Still to come:")[0].count("compliance") == 1
    (crm,) = [line for line in later.split("Still to come:")[1].splitlines() if "crm" in line]
    assert crm.count("UTC") == 2
    assert "Blocked, whatever is granted:" in shell("org", "show", org).stdout


@pytest.mark.one_server
def test_an_export_has_what_the_view_has_not_followed_yet(
    own_shell: Shell, database: Database
) -> None:
    """However far it lies behind: a part of the log would pass for all of it."""
    populate(database.owner_url, events=5_500)

    lines = own_shell("audit", "export", "--oldest-first").stdout.splitlines()

    positions = [json.loads(line)["position"] for line in lines]
    assert positions == list(range(1, 5_502))  # the last one says that it was exported


@pytest.mark.one_server
def test_a_reader_that_has_seen_enough_is_no_problem(shell: Shell) -> None:
    """As when an export is piped into `head`."""
    command = [sys.executable, "-m", "infra.cli", "token", "--role", "super_admin"]
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        ended = subprocess.run(
            command, check=False, stdout=closed, stderr=subprocess.PIPE, env=os.environ | shell.env
        )
    assert (ended.returncode, ended.stderr) == (1, b"")


def test_the_audit_log_is_searched_and_exported(shell: Shell) -> None:
    """By its marks; every event that matches, as JSON Lines or CSV."""
    org = shell.new_org()
    shell.command(org, "grant", key="crm")
    found = shell.json("audit", "search", "--org", org, "--type", "ModuleGranted")["events"]
    lines = shell("audit", "export", "--org", org, "--oldest-first").stdout.splitlines()
    cells = shell("audit", "export", "--org", org, "--format", "csv").stdout

    assert [json.loads(line)["org_version"] for line in lines] == [1, 2]
    assert [row["type"].split(".")[1] for row in csv.DictReader(io.StringIO(cells))] == [
        "ModuleGranted",
        "OrgRegistered",
    ]
    assert found[0]["data"]["key"] == "crm"


def test_a_type_that_no_event_has_is_refused(shell: Shell) -> None:
    """Rather than to find nothing."""
    problem = shell.refusal("audit", "search", "--type", "Nothing")

    assert problem["code"] == "unknown_event_type"
