"""A decision id is enough to make the decision again, and to tell when it comes out otherwise."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from domain.decision import DENIED
from domain.decision_ids import compact, decision_id, letters, read_decision_id
from domain.instants import iso
from tests.api.calls import REASON, command
from tests.live import LiveServer

pytestmark = pytest.mark.one_server


def decided(client: httpx.Client, org: int, key: str, **more: Any) -> dict[str, Any]:
    """A decision."""
    body: dict[str, Any] = client.post(
        "/api/v1/check", json={"org": org, "key": key, **more}
    ).json()
    return body


def replay(client: httpx.Client, named: str) -> dict[str, Any]:
    """The same decision, made again."""
    answer = client.get(f"/api/v1/decisions/{named}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_a_decision_comes_out_the_same_whatever_happened_since(
    staff: httpx.Client, org: int
) -> None:
    """It is judged by the versions it names, not by the present."""
    before = decided(staff, org, "crm")
    command(staff, org, "grant", key="crm")
    granted = decided(staff, org, "crm.lead_management")
    command(staff, org, "block", scope="module", key="crm", category="abuse")
    blocked = decided(staff, org, "crm")
    command(staff, org, "unblock", scope="module", key="crm", category="abuse")
    command(staff, org, "revoke", key="crm")
    revoked = decided(staff, org, "crm")

    for decision in (before, granted, blocked, revoked):
        again = replay(staff, decision["decision_id"])
        assert again["agrees"] is True
        fields = ("allowed", "status", "denied_by", "code", "would_deny", "bypassable")
        assert again["replayed"] == {field: decision[field] for field in fields}
        versions = ("org_version", "catalog_version", "rollout_version", "evaluated_at")
        assert {v: again[v] for v in versions} == {v: decision[v] for v in versions}
    assert [d["denied_by"] for d in (before, blocked, revoked)] == [
        "not_granted",
        "blocked",
        "revoked",
    ]


def test_who_asked_is_replayed_and_nobody_is_named(live: LiveServer, org: int) -> None:
    """The verdict about the permission is in the id, the person is not."""
    staff = live.as_role("super_admin", sub="root")
    command(staff, org, "grant", key="crm")
    user = live.as_role("user", org=str(org), sub="a-person", permissions=["crm.view"])
    denied = decided(user, org, "crm", permission="crm.create")
    allowed = decided(user, org, "crm", permission="crm.view")

    assert "a-person" not in denied["decision_id"]
    assert "crm" not in denied["decision_id"]
    assert len(denied["decision_id"]) <= 200
    first, second = replay(staff, denied["decision_id"]), replay(staff, allowed["decision_id"])
    assert (first["agrees"], first["permission"], first["key"]) == (True, "not_held", "crm")
    assert first["replayed"]["denied_by"] == "permission"
    assert (second["agrees"], second["permission"]) == (True, "held")


def test_a_verdict_that_the_events_do_not_give_is_a_disagreement(
    staff: httpx.Client, org: int
) -> None:
    """Both verdicts are told."""
    command(staff, org, "grant", key="crm")
    true = read_decision_id(decided(staff, org, "crm")["decision_id"])
    when = f"{true.catalog_version}~0~{compact(iso(true.evaluated_at))}"
    how = letters(mode="enforce", cell=DENIED["revoked"], super_admin=True)
    claimed = decision_id(str(org), true.key, 2, when, how)

    again = replay(staff, claimed)

    assert again["agrees"] is False
    assert again["recorded"]["denied_by"] == "revoked"
    assert again["replayed"]["allowed"] is True


def test_a_decision_about_another_instant_is_replayed_by_the_history(
    staff: httpx.Client, org: int
) -> None:
    """Also one about the future, and about what is forgotten in the present."""
    ends = datetime.now(UTC) + timedelta(days=3)
    command(staff, org, "start-trial", key="hr", until=iso(ends))
    command(staff, org, "block", scope="module", key="hr", category="abuse")
    found = staff.get("/api/v1/audit/events", params={"org": org, "type": "AccessBlocked"})
    blocked_at = found.json()["events"][0]["effective_at"]  # by the ledger's clock
    command(staff, org, "unblock", scope="module", key="hr", category="abuse")

    while_blocked = decided(staff, org, "hr", at=blocked_at)
    after = decided(staff, org, "hr", at=iso(ends))

    assert (while_blocked["denied_by"], after["denied_by"]) == ("blocked", "trial_expired")
    for decision in (while_blocked, after):
        assert replay(staff, decision["decision_id"])["agrees"] is True


def test_what_did_not_exist_is_replayed_as_such(staff: httpx.Client) -> None:
    """An org that came later, and a key that never did."""
    unknown_org = decided(staff, 765001, "crm")
    exempt = decided(staff, 765001, "email")
    unknown_key = decided(staff, 765001, "crn")
    body = {"id": 765001, "name": "Late", "reason": REASON}
    assert staff.post("/api/v1/admin/orgs", json=body).status_code == 201

    for decision in (unknown_org, exempt, unknown_key):
        assert replay(staff, decision["decision_id"])["agrees"] is True
    assert replay(staff, unknown_key["decision_id"])["key"] is None
    explained = staff.get(
        "/api/v1/orgs/765001/explain", params={"decision_id": unknown_org["decision_id"]}
    )
    assert (explained.status_code, explained.json()["code"]) == (404, "unknown_org")


def test_versions_that_never_were_are_refused(staff: httpx.Client, org: int) -> None:
    when, how = compact(iso(datetime.now(UTC))), letters(mode="enforce", cell=1)
    later = decision_id(str(org), 0, 99, f"1~0~{when}", how)
    elsewhere = decision_id(str(org), 0, 1, f"99~0~{when}", how)
    beyond = decision_id(str(org), 9999, 1, f"1~0~{when}", how)

    codes = {
        (answer.status_code, answer.json()["code"])
        for answer in (staff.get(f"/api/v1/decisions/{d}") for d in (later, elsewhere, beyond, "x"))
    }

    assert codes == {
        (409, "version_not_reached"),
        (404, "unknown_catalog_version"),
        (422, "invalid_decision_id"),
    }


def test_a_decision_is_for_those_who_may_read_the_orgs_history(
    live: LiveServer, staff: httpx.Client, org: int
) -> None:
    named = decided(staff, org, "crm")["decision_id"]
    statuses = {
        role: live.as_role(role, org=own).get(f"/api/v1/decisions/{named}").status_code
        for role, own in (("user", str(org)), ("org_admin", str(org)), ("service", str(org)))
    }
    assert statuses == {"user": 403, "org_admin": 403, "service": 200}
    assert live.as_role("service", org="7").get(f"/api/v1/decisions/{named}").status_code == 403


def test_a_decision_is_explained_by_what_it_was_made_of(staff: httpx.Client, org: int) -> None:
    """Step by step, with the verdict made again beside them."""
    command(staff, org, "grant", key="crm")
    named = decided(staff, org, "crm.lead_management")["decision_id"]
    command(staff, org, "revoke", key="crm")
    path = f"/api/v1/orgs/{org}/explain"

    body = staff.get(path, params={"decision_id": named}).json()

    assert (body["key"], body["status"], body["org_version"]) == (
        "crm.lead_management",
        "enabled",
        2,
    )
    assert body["decision"]["agrees"] is True
    assert body["steps"][-1]["events"][0]["reason"] == REASON
    other = staff.get("/api/v1/orgs/1/explain", params={"decision_id": named})
    assert (other.status_code, other.json()["code"]) == (422, "invalid_decision_id")
    nothing = staff.get(path)
    assert (nothing.status_code, nothing.json()["code"]) == (422, "nothing_to_explain")
