"""What was so and why, over HTTP: as of an instant, as known at one, explained and replayed."""

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.api.calls import command, update
from tests.live import LiveServer


def recorded_at(staff: httpx.Client, org: int, *, version: int) -> datetime:
    """When the ledger recorded a version of an org."""
    events = staff.get("/api/v1/audit/replay", params={"org": org}).json()["events"]
    found = next(event for event in events if event["org_version"] == version)
    return datetime.fromisoformat(found["recorded_at"])


def as_of(client: httpx.Client, org: int, module: str, **point: datetime) -> str:
    """The status of a module at a point in time."""
    params = {name: instant.isoformat() for name, instant in point.items()}
    answer = client.get(f"/api/v1/orgs/{org}/entitlements", params=params)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["entitlements"][module]["status"])


def explain(client: httpx.Client, org: int, key: str, **more: Any) -> dict[str, Any]:
    """The explanation of a key."""
    answer = client.get(f"/api/v1/orgs/{org}/explain", params={"key": key, **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_what_was_revoked_is_still_what_it_was_before(staff: httpx.Client, org: int) -> None:
    """The state at an instant does not change with what happens later."""
    command(staff, org, "grant", key="crm")
    granted = datetime.now(UTC)
    time.sleep(0.01)
    command(staff, org, "revoke", key="crm")

    assert as_of(staff, org, "crm", at=granted) == "enabled"
    assert as_of(staff, org, "crm", at=datetime.now(UTC)) == "disabled"


def test_what_was_known_is_kept_apart_from_what_was_so(staff: httpx.Client, org: int) -> None:
    """A plan's end, recorded today for next week, was not known yesterday."""
    command(staff, org, "grant", key="crm")
    before = recorded_at(staff, org, version=2)
    next_week = datetime.now(UTC) + timedelta(days=7)
    command(staff, org, "revoke", key="crm", at=next_week.isoformat())

    later = next_week + timedelta(days=1)
    assert as_of(staff, org, "crm", at=later) == "disabled"
    assert as_of(staff, org, "crm", at=later, known_at=before) == "enabled"


def test_before_it_was_known_an_org_is_not_found(staff: httpx.Client, org: int) -> None:
    """Nothing is invented for a time before the first event."""
    long_ago = {"known_at": "2001-01-01T00:00:00Z"}
    answer = staff.get(f"/api/v1/orgs/{org}/entitlements", params=long_ago)

    assert answer.status_code == 404


def test_a_point_in_time_needs_a_zone(staff: httpx.Client, org: int) -> None:
    """422, as for every naive timestamp."""
    answer = staff.get(f"/api/v1/orgs/{org}/entitlements", params={"at": "2026-01-01T00:00:00"})

    assert (answer.status_code, answer.json()["code"]) == (422, "naive_timestamp")


def test_an_explanation_names_the_events_behind_the_verdict(staff: httpx.Client, org: int) -> None:
    """Who granted it, why, and from when until when."""
    update(staff, org, modules=[{"module_key": "crm", "status": "enabled"}])

    found = explain(staff, org, "CRM.lead_management")

    assert (found["key"], found["status"]) == ("crm.lead_management", "enabled")
    granting = found["steps"][-1]
    assert granting["question"] == "Does a source grant 'crm'?"
    event = granting["events"][0]
    assert event["type"] == "entitlements.ModuleGranted.v1"
    assert (event["actor"], event["reason"]) == ("root", "because the contract says so")
    assert found["would_grant"] == []


def test_an_explanation_of_a_denial_says_what_would_grant_it(staff: httpx.Client, org: int) -> None:
    """Every block that stands in the way, and every grant that is missing."""
    command(staff, org, "block", scope="org", category="compliance")

    found = explain(staff, org, "crm")

    assert (found["status"], found["denied_by"]) == ("disabled", "blocked")
    assert found["steps"][-1]["decides"] is True
    assert found["would_grant"] == ["unblock org compliance", "grant 'crm'"]


def test_an_explanation_tells_the_next_change(staff: httpx.Client, org: int) -> None:
    """When the trial ends, and what then."""
    end = datetime.now(UTC) + timedelta(days=3)
    command(staff, org, "start-trial", key="hr", until=end.isoformat())

    change = explain(staff, org, "hr")["next_change"]

    assert datetime.fromisoformat(change["at"]) == end
    assert change["status"] == "disabled"


def test_a_past_verdict_is_explained_by_what_held_then(staff: httpx.Client, org: int) -> None:
    """Explaining last Tuesday does not mention what happened since."""
    command(staff, org, "grant", key="crm")
    then = recorded_at(staff, org, version=2) + timedelta(milliseconds=1)
    time.sleep(0.01)
    command(staff, org, "revoke", key="crm")

    found = explain(staff, org, "crm", at=then.isoformat(), known_at=then.isoformat())

    assert (found["status"], found["org_version"]) == ("enabled", 2)


def test_a_timeline_joins_what_is_one_state(staff: httpx.Client, org: int) -> None:
    """Trial, converted without a gap, revoked: three intervals that meet."""
    end = datetime.now(UTC) + timedelta(days=3)
    command(staff, org, "start-trial", key="hr", until=end.isoformat())
    command(staff, org, "convert-trial", key="hr")
    command(staff, org, "revoke", key="hr")

    answer = staff.get(f"/api/v1/orgs/{org}/timeline", params={"key": "hr"})

    spans = answer.json()["keys"]["hr"]
    assert [span["status"] for span in spans] == ["disabled", "trial", "enabled", "disabled"]
    assert all(a["until"] == b["from"] for a, b in pairwise(spans))
    assert spans[-1]["until"] is None
    assert spans[2]["events"][-1]["type"] == "entitlements.TrialConverted.v1"


def test_a_diff_names_what_changed_between_two_instants(staff: httpx.Client, org: int) -> None:
    """Both states of each changed key, and the events that took effect between."""
    before = datetime.now(UTC)
    time.sleep(0.01)
    command(staff, org, "grant", key="gst")
    after = datetime.now(UTC) + timedelta(seconds=1)

    params = {"from": before.isoformat(), "to": after.isoformat()}
    body = staff.get(f"/api/v1/orgs/{org}/diff", params=params).json()

    assert body["changed"] == {"gst": {"from": "disabled", "to": "enabled"}}
    assert [event["type"] for event in body["events"]] == ["entitlements.ModuleGranted.v1"]


def test_a_replay_gives_the_state_of_the_view_and_the_events_used(
    staff: httpx.Client, org: int
) -> None:
    """Rebuilt from events alone, it is what the map says."""
    command(staff, org, "apply-bundle", bundle="crm_suite")
    command(staff, org, "set-submodule", key="crm.orders", enabled=False)

    body = staff.get("/api/v1/audit/replay", params={"org": org}).json()
    view = staff.get(f"/api/v1/orgs/{org}/entitlements").json()["entitlements"]

    assert {k: body["states"][k] for k in view} == {k: view[k]["status"] for k in view}
    assert body["states"]["crm.orders"] == "disabled"
    assert [event["org_version"] for event in body["events"]] == list(range(1, 7))


@pytest.mark.parametrize(
    "path",
    ["explain?key=crm", "timeline", "diff?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z"],
)
def test_history_is_for_staff_and_services(live: LiveServer, org: int, path: str) -> None:
    """Actors and reasons are not for an org's own users."""
    own = live.as_role("org_admin", org=str(org)).get(f"/api/v1/orgs/{org}/{path}")
    service = live.as_role("service", org=str(org)).get(f"/api/v1/orgs/{org}/{path}")

    assert (own.status_code, service.status_code) == (403, 200)


def holders(client: httpx.Client, key: str, **more: Any) -> dict[int, str]:
    """The orgs that hold a key, page by page, with their status."""
    found: dict[int, str] = {}
    after: str | None = ""
    while after is not None:
        params: dict[str, Any] = {"limit": 2, "after": after} | more
        body = client.get(f"/api/v1/modules/{key}/orgs", params=params).json()
        found |= {row["org_id"]: row["status"] for row in body["orgs"]}
        after = body["next"]
    return found


def test_the_orgs_that_hold_a_module_are_found(staff: httpx.Client) -> None:
    """Enabled and on trial, but neither revoked nor blocked, page by page."""
    end = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    for org in (7001, 7002, 7003, 7004, 7005):
        body = {"id": org, "name": f"Org {org}", "reason": "a new customer signed"}
        staff.post("/api/v1/admin/orgs", json=body)
    for org in (7001, 7002, 7003, 7004):
        command(staff, org, "grant", key="talent")
    command(staff, 7005, "start-trial", key="talent", until=end)
    command(staff, 7002, "revoke", key="talent")
    command(staff, 7003, "suspend")
    wanted = {7001: "enabled", 7004: "enabled", 7005: "trial"}
    for _ in range(500):
        if holders(staff, "talent") == wanted:
            break
        time.sleep(0.02)

    assert holders(staff, "talent") == wanted
    assert holders(staff, "TALENT", status="trial") == {7005: "trial"}
    later = (datetime.now(UTC) + timedelta(days=4)).isoformat()
    assert holders(staff, "talent", at=later) == {7001: "enabled", 7004: "enabled"}
    assert holders(staff, "talent", known_at="2001-01-01T00:00:00Z") == {}


def test_what_is_never_gated_is_held_by_all(staff: httpx.Client) -> None:
    """A list of every org would be no answer; the refusal says where there is one."""
    answer = staff.get("/api/v1/modules/email/orgs")

    assert (answer.status_code, answer.json()["code"]) == (422, "held_by_all")
    assert "/admin/orgs" in answer.json()["hint"]


def test_a_service_of_one_org_may_not_see_them_all(live: LiveServer) -> None:
    """A service without an org may."""
    path = "/api/v1/modules/crm/orgs"

    assert live.as_role("service", org="7").get(path).status_code == 403
    assert live.as_role("service").get(path).status_code == 200
