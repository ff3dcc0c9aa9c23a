"""What is to come, typed: listed, cancelled, and told once it has come."""

from datetime import UTC, datetime, timedelta

import pytest

from infra.database import Database
from infra.settings import Settings
from tests.conftest import started
from tests.infra.cli.shell import REASON, Shell

SOON = (datetime.now(UTC) + timedelta(days=3)).isoformat()


def test_what_is_scheduled_is_listed_and_cancelled(shell: Shell) -> None:
    org = shell.new_org()
    shell.command(org, "grant", key="crm", until=SOON)
    [change] = shell.json("org", "pending", org)["pending"]

    text = shell("org", "pending", org).stdout
    assert "grant ends" in text
    assert "enabled → disabled" in text
    assert change["change_id"] in text
    assert REASON in text
    assert f"entitlements org cancel-scheduled {org} --change-id {change['change_id']}" in text

    assert shell.command(org, "cancel-scheduled", change_id=change["change_id"])["changed"]
    assert "Nothing is scheduled" in shell("org", "pending", org).stdout
    assert "ScheduleCancelled crm (ends" in shell("replay", "--org", org).stdout


def test_a_trial_s_end_is_put_off_and_not_stopped(shell: Shell) -> None:
    org = shell.new_org()
    shell.command(org, "trial", "start", key="crm", until=SOON)
    text = shell("org", "pending", org).stdout
    assert f"entitlements org trial extend {org} --key crm" in text
    assert "To stop it" not in text


@pytest.mark.parametrize(("command", "state"), [("grant", "enabled"), ("revoke", "disabled")])
def test_what_a_command_does_later_is_told(shell: Shell, command: str, state: str) -> None:
    """Now all is as before, which would read as if nothing had been done."""
    org = shell.new_org()
    when = "--from"
    if command == "revoke":
        shell.command(org, "grant", key="hr")
        when = "--at"
    words = ("org", command, org, "--key", "hr", "--reason", REASON)

    said = shell(*words, when, "2131-01-01T00:00:00Z").stdout

    assert f"hr, from 2131-01-01T00:00:00Z: {state}" in said
    assert f"entitlements org pending {org}" in said
    assert "org pending" not in shell("org", "suspend", org, "--reason", REASON).stdout


def test_a_change_that_is_none_is_told(shell: Shell) -> None:
    org = shell.new_org()
    words = ("org", "cancel-scheduled", org, "--change-id", "0" * 32, "--reason", REASON)
    assert shell.refusal(*words)["code"] == "unknown_change"


@pytest.mark.anyio
async def test_what_is_due_is_told_at_a_command(settings: Settings, database: Database) -> None:
    """Of a ledger whose server, with its ticker, does not run."""
    from asyncio import sleep, to_thread

    from domain.commands import GrantAccess
    from tests.infra.store.orders import CRM, registration

    async with started(settings, database) as parts:
        start = parts.clock.now() + timedelta(milliseconds=200)
        await parts.ledger.execute(registration("1", GrantAccess(key=CRM, starts=start)))
        await sleep((start - parts.clock.now()).total_seconds() + 0.001)
    shell = Shell.over(database, data_dir=settings.data_dir)

    said = await to_thread(shell, "ticker", "--once")

    assert "on 1 organisations" in said.stdout
    assert (
        "(crm disabled → enabled) by boundary-ticker"
        in (await to_thread(shell, "replay", "--org", "1")).stdout
    )
    assert "on 0 organisations" in (await to_thread(shell, "ticker", "--once")).stdout
