"""Receipts of subscribers: what they have applied, and who is behind."""

from typing import Any

import httpx
import psycopg
import pytest

from infra.database import Database
from tests.api.calls import REASON
from tests.infra.cli.shell import SECRET, Shell
from tests.live import LiveServer

pytestmark = pytest.mark.one_server


def shown(staff: httpx.Client, org: int, **query: int) -> Any:
    answer = staff.get(f"/api/v1/orgs/{org}/propagation", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def report(live: LiveServer, sub: str, versions: dict[int, int], **more: Any) -> Any:
    body = {
        "ledger_epoch": 1,
        "applied": [{"org_id": org, "org_version": v} for org, v in versions.items()],
    }
    answer = live.as_role("service", sub=sub).post("/api/v1/propagation/receipts", json=body | more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_who_has_not_reported_a_version_is_behind(
    live: LiveServer, staff: httpx.Client, orgs: list[int]
) -> None:
    """Until it does; older receipts, and such of an older epoch, change nothing."""
    org, other = orgs[0], orgs[1]
    noted = report(live, "erp", {org: 1, other: 1, 999_999: 4})
    assert noted == {"subscriber": "erp", "noted": 2}
    assert report(live, "crm", {other: 1}, instance="a")["subscriber"] == "crm/a"
    found = shown(staff, org)
    assert (found["version"], found["org_version"], found["published"]) == (1, 1, None)
    assert found["behind"] == ["crm/a"]
    by_name = {each["subscriber"]: each for each in found["subscribers"]}
    assert (by_name["erp"]["org_version"], by_name["crm/a"]["org_version"]) == (1, None)

    granted = staff.post(
        f"/api/v1/orgs/{org}/commands/grant", json={"key": "crm", "reason": REASON}
    ).json()["org_version"]
    assert shown(staff, org)["behind"] == ["crm/a", "erp"]
    assert shown(staff, org, version=1)["behind"] == ["crm/a"]
    report(live, "erp", {org: granted})
    report(live, "erp", {org: 1})
    assert shown(staff, org)["behind"] == ["crm/a"]


def test_another_epoch_leaves_everybody_behind(
    live: LiveServer, staff: httpx.Client, orgs: list[int]
) -> None:
    """Versions of the log that was restored say nothing about this one."""
    report(live, "lab", {orgs[2]: 50})
    assert "lab" not in shown(staff, orgs[2])["behind"]
    report(live, "lab", {orgs[2]: 0}, ledger_epoch=2)
    found = {each["subscriber"]: each for each in shown(staff, orgs[2])["subscribers"]}
    assert (found["lab"]["ledger_epoch"], found["lab"]["org_version"]) == (2, 0)


def test_an_org_that_is_not_there_has_no_propagation(staff: httpx.Client) -> None:
    assert staff.get("/api/v1/orgs/888888/propagation").status_code == 404


def test_the_command_line_shows_the_same(live: LiveServer, orgs: list[int]) -> None:
    """And exits with 1 while somebody is behind."""
    settings = live.settings
    shell = Shell(
        {
            "LEDGER_DATABASE_URL": str(settings.database_url),
            "LEDGER_MIGRATION_DATABASE_URL": str(settings.migration_database_url),
            "LEDGER_DATA_DIR": str(settings.data_dir),
            "LEDGER_JWT_SECRET": SECRET,
        }
    )
    report(live, "billing", {orgs[0]: 1})
    report(live, "late", {orgs[1]: 1})
    behind = shell.json("org", "propagation", orgs[0], "--version", 1, code=1)["behind"]
    assert "late" in behind
    assert "billing" not in behind
    assert "behind" in shell("org", "propagation", orgs[0], code=1).stdout


def test_of_an_org_that_is_reported_twice_the_newest_counts(
    live: LiveServer, staff: httpx.Client, orgs: list[int]
) -> None:
    """In whatever order a subscriber has collected them."""
    org = orgs[0]
    applied = [{"org_id": org, "org_version": version} for version in (5, 2)]
    report(live, "twice", {}, applied=applied)
    [found] = [s for s in shown(staff, org)["subscribers"] if s["subscriber"] == "twice"]
    assert found["org_version"] == 5


def test_who_has_said_nothing_for_a_month_is_no_subscriber(
    live: LiveServer, staff: httpx.Client, orgs: list[int], module_database: Database
) -> None:
    """Instances come and go with each deployment, and would be behind for ever."""
    report(live, "pods", {orgs[0]: 1}, instance="gone")
    with psycopg.connect(module_database.owner_url) as owner:
        owner.execute(
            "UPDATE ledger.subscribers SET reported_at = reported_at - interval '31 days'"
            " WHERE name = 'pods/gone'"
        )
    report(live, "pods", {orgs[0]: 1}, instance="new")
    names = {each["subscriber"] for each in shown(staff, orgs[0])["subscribers"]}
    assert names & {"pods/gone", "pods/new"} == {"pods/new"}
