"""Commands on one org, typed: the same rules, options and answers as over HTTP."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.infra.cli.shell import REASON, Shell


def days(number: int) -> str:
    """An instant so many days from now."""
    return (datetime.now(UTC) + timedelta(days=number)).isoformat()


# What is typed, and the state that `org show` then tells of the module or submodule.
WORKS: dict[str, Callable[[Shell, int], Any]] = {
    "grant": lambda sh, org: sh.command(org, "grant", key="CRM", source="promo:may", until=days(3)),
    "trial start": lambda sh, org: sh.command(org, "trial", "start", key="crm", until=days(3)),
    "bundle apply": lambda sh, org: sh.command(org, "bundle", "apply", bundle="crm_suite"),
    "set-status": lambda sh, org: sh.command(org, "set-status", key="crm", status="enabled"),
    "block": lambda sh, org: sh.command(
        org, "block", scope="module", key="crm", category="abuse", from_=days(1), until=days(2)
    ),
    "submodule": lambda sh, org: sh.json(
        "org", "submodule", org, "--key", "crm.orders", "--disabled", "--reason", REASON
    ),
    "suspend": lambda sh, org: sh.command(org, "suspend"),
}
UNDONE: dict[str, Callable[[Shell, int], Any]] = {
    "revoke": lambda sh, org: sh.command(org, "revoke", key="crm", scope="all"),
    "trial extend": lambda sh, org: sh.command(org, "trial", "extend", key="crm", by_days="2"),
    "trial convert": lambda sh, org: sh.command(org, "trial", "convert", key="crm"),
    "bundle remove": lambda sh, org: sh.command(org, "bundle", "remove", bundle="crm_suite"),
    "unblock": lambda sh, org: sh.command(
        org, "unblock", scope="module", key="crm", category="abuse"
    ),
    "resume": lambda sh, org: sh.command(org, "resume"),
}
AFTER = {
    "revoke": "grant",
    "trial extend": "trial start",
    "trial convert": "trial start",
    "bundle remove": "bundle apply",
    "unblock": "block",
    "resume": "suspend",
}


@pytest.mark.parametrize("name", WORKS)
def test_every_command_does_its_work(shell: Shell, name: str) -> None:
    answer = WORKS[name](shell, shell.new_org())
    assert answer["changed"] is True
    assert answer["org_version"] > 1
    assert len(answer["positions"]) == len(answer["event_ids"]) > 0
    assert answer["consistency_token"] == f"v{answer['org_version']}"


@pytest.mark.parametrize("name", UNDONE)
def test_every_command_that_follows_another_does_its_work(shell: Shell, name: str) -> None:
    org = shell.new_org()
    WORKS[AFTER[name]](shell, org)
    assert UNDONE[name](shell, org)["changed"] is True


def test_the_same_grant_again_changes_nothing(shell: Shell) -> None:
    org = shell.new_org()
    shell.command(org, "grant", key="crm")
    again = shell("org", "grant", org, "--key", "crm", "--reason", REASON).stdout
    assert again.splitlines() == [
        f"Organisation {org}: nothing to change (version 2).",
        "  crm: enabled, as before",
        "Granted by: admin",
    ]


def test_the_summary_tells_modules_one_by_one_and_submodules_by_number(shell: Shell) -> None:
    org = shell.new_org()
    lines = shell("org", "grant", org, "--key", "crm", "--reason", REASON).stdout.splitlines()
    assert lines[0].startswith(f"Organisation {org}: done (version 2, position ")
    assert lines[1:] == [
        "  crm: disabled → enabled",
        "  crm, its submodules: 25 disabled → enabled",
        "Granted by: admin",
    ]


def test_a_revoke_warns_of_what_still_grants(shell: Shell) -> None:
    org = shell.new_org()
    shell.command(org, "grant", key="crm")
    shell.command(org, "grant", key="crm", source="plan:gold@3")
    said = shell("org", "revoke", org, "--key", "crm", "--reason", REASON).stdout
    assert "Granted by: plan:gold@3" in said
    assert "Note: 'crm' is still granted by plan:gold@3." in said


def test_a_dry_run_writes_nothing_and_its_plan_can_be_applied(shell: Shell) -> None:
    org = shell.new_org()
    typed = ("org", "grant", org, "--key", "crm", "--reason", REASON)

    plan = shell.json(*typed, "--dry-run")
    assert (plan["dry_run"], plan["changed"], plan["event_ids"]) == (True, True, [])
    assert shell.json("org", "show", org)["org_version"] == 1

    assert shell.json(*typed, "--plan-token", plan["plan_token"])["org_version"] == 2


def test_a_plan_fails_once_something_it_read_has_moved(shell: Shell) -> None:
    org = shell.new_org()
    typed = ("org", "grant", org, "--key", "crm", "--reason", REASON)
    plan = shell.json(*typed, "--dry-run")
    shell.command(org, "grant", key="erp")
    problem = shell.refusal(*typed, "--plan-token", plan["plan_token"])
    assert problem["code"] == "plan_moved"


@pytest.mark.parametrize("version", ["1", "v1", '"v1"'])
def test_if_match_refuses_another_version(shell: Shell, version: str) -> None:
    org = shell.new_org()
    typed = ("org", "grant", org, "--key", "crm", "--reason", REASON, "--if-match", version)
    assert shell.json(*typed)["org_version"] == 2
    problem = shell.refusal(*typed)
    assert (problem["code"], problem["current"]) == ("version_moved", 2)


def test_an_idempotency_key_acts_once(shell: Shell) -> None:
    org = shell.new_org()
    typed = ("org", "grant", org, "--reason", REASON, "--idempotency-key", f"once-{org}")
    first = shell.json(*typed, "--key", "crm")
    shell.command(org, "revoke", key="crm")

    assert shell.json(*typed, "--key", "crm") == first
    assert shell.refusal(*typed, "--key", "erp")["code"] == "idempotency_key_reused"


def test_the_actor_is_the_user_of_the_operating_system(shell: Shell) -> None:
    """The environment's word for it does not count."""
    org = shell.new_org()
    pretender = Shell(shell.env | {"USER": "mallory", "LOGNAME": "mallory"})
    pretender.command(org, "grant", key="crm")
    problem = shell.refusal(
        "org", "grant", org, "--key", "erp", "--reason", REASON, "--if-match", "1"
    )
    (between,) = problem["between"]
    assert between["actor"].startswith("cli:")
    assert "mallory" not in between["actor"]


REFUSED = {
    ("grant", "--key", "crn"): "unknown_key",
    ("grant", "--key", "crm", "--until", "2001-01-01T00:00:00Z"): "not_in_future",
    ("grant", "--key", "crm", "--from", "2001-01-01T00:00:00Z"): "backdated",
    ("grant", "--key", "crm", "--until", "2999-01-01T00:00:00"): "naive_timestamp",
    ("grant", "--key", "crm", "--source", "gift"): "invalid_source",
    ("trial", "convert", "--key", "crm"): "trial_not_running",
    ("bundle", "apply", "--bundle", "everything"): "unknown_bundle",
    ("block", "--scope", "org", "--key", "crm", "--category", "abuse"): "invalid_scope",
}


@pytest.mark.parametrize(("words", "code"), REFUSED.items(), ids=REFUSED.values())
def test_what_cannot_be_done_is_refused_with_its_code(
    shell: Shell, words: tuple[str, ...], code: str
) -> None:
    org = shell.new_org()
    problem = shell.refusal("org", *words, org, "--reason", REASON)
    assert problem["code"] == code
    assert shell.json("org", "show", org)["org_version"] == 1


def test_a_reason_is_long_enough_to_be_one(shell: Shell) -> None:
    problem = shell.refusal("org", "register", 1, "--name", "Acme", "--reason", "because")
    assert problem["code"] == "invalid_reason"


USELESS = {
    ("trial", "extend", "--key", "crm"): "give either 'by_days' or 'until'",
    ("unblock",): "give 'block_id', or 'scope' and 'category'",
    ("submodule", "--key", "crm.orders"): "--enabled",
    ("trial", "extend", "--key", "crm", "--by-days", "0"): "--by-days",
}


@pytest.mark.parametrize(("words", "said"), USELESS.items(), ids=range(len(USELESS)))
def test_options_that_make_no_command_are_wrong_usage(
    shell: Shell, words: tuple[str, ...], said: str
) -> None:
    result = shell("org", *words, 42, "--reason", REASON, code=2)
    assert said in result.stderr
