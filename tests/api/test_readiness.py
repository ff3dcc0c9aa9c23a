"""Whether more orgs may be enforced: seen in shadow mode, told before, and refused at the time."""

import time
from typing import Any

import httpx
import pytest

from domain.gating import bucket
from domain.ids import OrgId
from tests.api.calls import REASON, command
from tests.live import LiveServer

pytestmark = pytest.mark.one_server

ROLLOUT = "/api/v1/admin/rollout"
PATIENCE_SECONDS = 30.0


@pytest.fixture
def watched(live: LiveServer, staff: httpx.Client, org: int) -> httpx.Client:
    """Somebody of an org that has CRM without its orders, while everything is only watched."""
    command(staff, org, "grant", key="crm")
    command(staff, org, "set-submodule", key="crm.orders", enabled=False)
    body = {"reason": REASON, "percent": 0, "default": "shadow"}
    assert staff.put(ROLLOUT, json=body).status_code == 200
    return live.as_role("user", org=str(org))


def ask(client: httpx.Client, org: int, *keys: str) -> None:
    for key in keys:
        body = {"org": org, "key": key}
        assert client.post("/api/v1/check", json=body).json()["allowed"] is True


def readiness(staff: httpx.Client, percent: float, **more: Any) -> dict[str, Any]:
    answer = staff.get(f"{ROLLOUT}/readiness", params={"percent": percent} | more)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def losing(staff: httpx.Client, org: int, *, percent: float = 100) -> dict[str, Any]:
    """The keys that a percentage would newly deny an org."""
    orgs = readiness(staff, percent, limit=1_000)["newly_denied"]
    return {used["key"]: used for entry in orgs if entry["org_id"] == org for used in entry["keys"]}


def once_seen(staff: httpx.Client, org: int, *keys: str) -> dict[str, Any]:
    """The same, when it has been kept."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = losing(staff, org)
        if found.keys() >= set(keys):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_who_would_lose_what_is_told_with_the_last_use(
    staff: httpx.Client, watched: httpx.Client, org: int
) -> None:
    """By key; what the org has is not among them, nor what it was granted since."""
    ask(watched, org, "crm", "HR", "hr", "crm.orders", "seo")

    found = once_seen(staff, org, "hr", "crm.orders", "seo")

    assert set(found) == {"hr", "crm.orders", "seo"}
    assert (found["hr"]["uses"], found["hr"]["denied_by"], found["hr"]["legacy"]) == (
        2,
        "not_granted",
        False,
    )
    assert found["crm.orders"]["legacy"] is True
    assert found["hr"]["last_use"] <= found["seo"]["last_use"]
    command(staff, org, "grant", key="hr")
    assert set(losing(staff, org)) == {"crm.orders", "seo"}


def test_only_orgs_that_a_percentage_reaches_are_named(
    staff: httpx.Client, watched: httpx.Client, org: int
) -> None:
    """Those within it, and not yet within the present one."""
    ask(watched, org, "hr")
    once_seen(staff, org, "hr")
    place = bucket(OrgId(str(org)))

    assert losing(staff, org, percent=(place + 1) / 100)
    assert not losing(staff, org, percent=place / 100)


def test_a_module_that_stays_exempt_is_nobodys_loss(
    staff: httpx.Client, watched: httpx.Client, org: int
) -> None:
    """Whatever the percentage, it is not enforced."""
    ask(watched, org, "hr", "seo")
    once_seen(staff, org, "hr", "seo")
    exempt = {"key": "hr", "reason": REASON}

    staff.post(f"{ROLLOUT}/exempt-module", json=exempt)
    found = losing(staff, org)
    staff.post(f"{ROLLOUT}/exempt-module", json=exempt | {"exempt": False})

    assert set(found) == {"seo"}
    assert set(losing(staff, org)) == {"hr", "seo"}


def test_going_up_is_refused_while_denials_contradict_the_legacy_flags(
    staff: httpx.Client, watched: httpx.Client, org: int
) -> None:
    """Above 0.1 %: with an override it goes on, and says on record what it set aside."""
    ask(watched, org, "crm.orders")
    once_seen(staff, org, "crm.orders")

    told = readiness(staff, 5)
    up = {"percent": 5, "reason": REASON}
    refused = staff.post(f"{ROLLOUT}/percentage", json=up)

    assert (told["ready"], told["present_percent"]) == (False, 0)
    assert told["unexpected_denials"] >= 1
    assert told["unexpected_rate"] > told["most_unexpected_rate"] == 0.001
    assert (refused.status_code, refused.json()["code"]) == (409, "promotion_refused")
    assert refused.json()["problems"] == told["problems"] != []
    assert staff.get(ROLLOUT).json()["percent"] == 0

    assert staff.post(f"{ROLLOUT}/percentage", json=up | {"override": True}).status_code == 200
    newest = staff.get(f"{ROLLOUT}/history").json()["events"][0]
    assert newest["data"]["overrode"] == told["problems"]
    assert readiness(staff, 25)["ready"], "what was watched before counts no more"
    assert staff.post(f"{ROLLOUT}/percentage", json=up | {"percent": 0}).status_code == 200


def test_orgs_come_a_page_at_a_time(
    live: LiveServer, staff: httpx.Client, watched: httpx.Client, org: int, orgs: list[int]
) -> None:
    for number in (org, *orgs):
        ask(live.as_role("user", org=str(number)), number, "hr")
    for number in (org, *orgs):
        once_seen(staff, number, "hr")

    seen: list[int] = []
    after: str | None = ""
    while after is not None:
        page = readiness(staff, 100, limit=2, after=after)
        seen += [entry["org_id"] for entry in page["newly_denied"]]
        after = page["next"]

    assert set(seen) >= {org, *orgs}
    assert len(seen) == len(set(seen))


def test_staff_who_look_around_use_nothing(
    staff: httpx.Client, watched: httpx.Client, org: int
) -> None:
    """Their questions are no evidence of what the org's people do."""
    ask(staff, org, "manufacturing")
    ask(watched, org, "hr")

    assert set(once_seen(staff, org, "hr")) == {"hr"}
