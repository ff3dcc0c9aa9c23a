"""The rollout over HTTP: rules, plan, cohorts, history, and the rollback that alerts call."""

import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from domain.phases import ROLES
from tests.api.calls import REASON
from tests.live import LiveServer

pytestmark = pytest.mark.one_server

ROLLOUT = "/api/v1/admin/rollout"


@pytest.fixture
def staff(live: LiveServer) -> httpx.Client:
    """A super admin, with gating as on the first day."""
    staff = live.as_role("super_admin", sub="root")
    state = staff.get(ROLLOUT).json()
    change(staff, "exempt-org", orgs=state["exempt_orgs"] or [1], exempt=False)
    for key in state["exempt_modules"]:
        change(staff, "exempt-module", key=key, exempt=False)
    forced = [entry["org_id"] for entry in state["forced_orgs"]]
    change(staff, "force-org", orgs=forced or [1], mode=None)
    body = {"reason": REASON, "percent": 100, "default": "off", "killed": False}
    assert staff.put(ROLLOUT, json=body).status_code == 200
    return staff


def change(client: httpx.Client, name: str, **body: Any) -> httpx.Response:
    """One change of the rollout."""
    headers = body.pop("headers", None)
    return client.post(f"{ROLLOUT}/{name}", json={"reason": REASON} | body, headers=headers)


def now() -> str:
    return datetime.now(UTC).isoformat()


def ruled(client: httpx.Client, org: str, *, key: str = "crm", known_at: str | None = None) -> str:
    """The rule by which an org's module was decided, as known at an instant."""
    query = {"org": org, "key": key} | ({"known_at": known_at} if known_at else {})
    found = client.get(f"{ROLLOUT}/history", params=query).json()["ruling"]
    return f"{found['mode']} by {found['rule']}"


def test_a_change_is_an_event_with_its_author_and_reason(staff: httpx.Client) -> None:
    """And the state says what holds now."""
    answer = change(staff, "percentage", percent=25, ticket="OPS-9")

    assert answer.status_code == 200, answer.text
    assert answer.json()["rollout"]["percent"] == 25
    newest = staff.get(f"{ROLLOUT}/history").json()["events"][0]
    assert (newest["type"], newest["actor"], newest["reason"], newest["ticket"]) == (
        "entitlements.ShareSet.v2",
        "root",
        REASON,
        "OPS-9",
    )
    assert newest["data"] == {"share": 2500, "previous": 10000, "overrode": []}


def test_who_asks_again_is_answered_by_the_newest_rules(staff: httpx.Client, org: int) -> None:
    """On the quick lane, too, which remembers who asks but not by what (case 22)."""
    question = {"org": org, "key": "crm"}
    codes = [staff.post("/api/v1/check", json=question).json()["code"] for _ in range(3)]
    assert "gating_off" not in codes

    version = change(staff, "kill").json()["rollout_version"]
    deadline = time.monotonic() + 5
    while (found := staff.post("/api/v1/check", json=question).json())["code"] != "gating_off":
        assert time.monotonic() < deadline
    assert found["rollout_version"] == version


def test_the_history_tells_how_an_org_was_decided(staff: httpx.Client) -> None:
    """Was gating on for org 42 at 14:03, and by which rule?"""
    assert ruled(staff, "42") == "enforce by percentage"
    before = now()
    time.sleep(0.01)
    change(staff, "exempt-org", orgs=[42])

    assert ruled(staff, "42") == "off by exempt_org"
    assert ruled(staff, "43") == "enforce by percentage"
    assert ruled(staff, "42", known_at=before) == "enforce by percentage"


def test_the_same_key_acts_once(staff: httpx.Client) -> None:
    """A repeat answers the same; another body under the key is refused."""
    headers = {"Idempotency-Key": f"share-{time.time_ns()}"}
    first = change(staff, "percentage", percent=5, headers=headers)
    change(staff, "percentage", percent=50)
    again = change(staff, "percentage", percent=5, headers=headers)

    assert again.json()["positions"] == first.json()["positions"] != []
    assert staff.get(ROLLOUT).json()["percent"] == 50
    other = change(staff, "percentage", percent=6, headers=headers)
    assert other.json()["code"] == "idempotency_key_reused"


def test_a_dry_run_changes_nothing(staff: httpx.Client) -> None:
    answer = change(staff, "kill", dry_run=True).json()

    assert answer["changed"] is True
    assert answer["rollout"]["killed"] is True
    assert staff.get(ROLLOUT).json()["killed"] is False


def test_several_rules_change_together_or_not_at_all(staff: httpx.Client) -> None:
    """One of them is no percentage, so the kill switch stays as it is."""
    body = {"reason": REASON, "killed": True, "percent": 12.345}
    refused = staff.put(ROLLOUT, json=body)

    assert refused.status_code == 422
    assert refused.json()["code"] == "invalid_percentage"
    assert staff.get(ROLLOUT).json()["killed"] is False


def test_a_step_begins_with_five_sign_offs(staff: httpx.Client) -> None:
    """Each missing one is named; durations are shown and never enforced."""
    coming = staff.get(ROLLOUT).json()["next_step"]
    for role in ROLES[1:]:
        change(staff, "sign-off", step=coming, role=role)
    refused = change(staff, "advance")

    assert refused.status_code == 409
    assert refused.json()["missing"] == [ROLES[0]]
    change(staff, "sign-off", step=coming, role=ROLES[0])
    assert change(staff, "advance").json()["rollout"]["step"] == coming


def test_a_cohort_is_listed_and_nested(staff: httpx.Client) -> None:
    """Case 23: 5 % → 25 % → 5 % gives exactly the first orgs, a page at a time."""
    for number in range(7_000, 7_060):
        body = {"id": number, "name": f"Org {number}", "reason": REASON}
        staff.post("/api/v1/admin/orgs", json=body)

    def members(percent: float) -> set[int]:
        found: set[int] = set()
        after: str | None = ""
        while after is not None:
            query: dict[str, str | float] = {"percent": percent, "after": after, "limit": 7}
            page = staff.get(f"{ROLLOUT}/cohort", params=query).json()
            found |= {entry["org_id"] for entry in page["orgs"]}
            after = page["next"]
        return found

    assert members(0) == set()
    assert members(20) < members(60) < members(100)
    assert members(100) >= set(range(7_000, 7_060))
    change(staff, "percentage", percent=20)
    enforced = {n for n in range(7_000, 7_060) if ruled(staff, str(n)) == "enforce by percentage"}
    assert enforced == members(20) & set(range(7_000, 7_060))


def test_a_tag_is_a_cohort_too(staff: httpx.Client) -> None:
    """An explicit list under a name."""
    body = {"id": 7_100, "name": "Early", "reason": REASON}
    staff.post("/api/v1/admin/orgs", json=body)
    change(staff, "force-org", orgs=[7_100], tag="early")

    listed = staff.get(f"{ROLLOUT}/cohort", params={"tag": "early"}).json()
    assert listed["orgs"] == [{"org_id": 7_100, "name": "Early"}]
    assert ruled(staff, "7100") == "enforce by forced_org"
    assert staff.get(f"{ROLLOUT}/cohort").json()["code"] == "cohort_unnamed"


@pytest.mark.parametrize(
    ("scope", "more", "rule"),
    [
        ("all", {}, "off by kill_switch"),
        ("org", {"orgs": [42]}, "off by exempt_org"),
        ("module", {"key": "crm"}, "off by exempt_module"),
    ],
)
def test_a_rollback_takes_gating_back(
    staff: httpx.Client, scope: str, more: dict[str, Any], rule: str
) -> None:
    """Quick, or partial for some orgs or one module."""
    answer = change(staff, "rollback", scope=scope, **more)

    assert answer.status_code == 200, answer.text
    assert answer.json()["rolled_back"][0]["changed"] is True
    assert ruled(staff, "42") == rule


def alert(status: str = "firing", **labels: str) -> dict[str, Any]:
    """What Alertmanager sends for one alert."""
    return {
        "version": "4",
        "groupKey": '{}:{alertname="Denials"}',
        "status": status,
        "receiver": "rollback",
        "alerts": [
            {
                "status": status,
                "labels": {"alertname": "Denials", "severity": "critical"} | labels,
                "annotations": {"summary": "403 spike: more than 10 × the baseline"},
                "startsAt": "2026-03-02T12:00:00Z",
                "endsAt": "0001-01-01T00:00:00Z",
                "fingerprint": f"fp-{sorted(labels.items())}",
            }
        ],
    }


def test_an_alert_rolls_back_once(staff: httpx.Client, live: LiveServer) -> None:
    """By a service's token; the same alert again changes nothing, and nor does its end."""
    service = live.as_role("service", sub="alertmanager")
    firing = alert(rollback="module", module="crm")

    first = service.post(f"{ROLLOUT}/rollback", json=firing)
    assert first.status_code == 200, first.text
    assert first.json()["rolled_back"][0]["scope"] == "module"
    assert ruled(staff, "42") == "off by exempt_module"
    assert staff.get(f"{ROLLOUT}/history").json()["events"][0]["actor"] == "alertmanager"

    change(staff, "exempt-module", key="crm", exempt=False)
    again = service.post(f"{ROLLOUT}/rollback", json=firing)
    assert (
        again.json()["rolled_back"][0]["positions"] == (first.json()["rolled_back"][0]["positions"])
    )
    assert ruled(staff, "42") == "enforce by percentage"
    resolved = service.post(
        f"{ROLLOUT}/rollback", json=alert("resolved", rollback="all", again="1")
    )
    assert resolved.json()["rolled_back"][0]["changed"] is False


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        ({"rollback": "org"}, "orgs_out_of_range"),
        ({"rollback": "org", "org": "../"}, "invalid_org_id"),
        ({"rollback": "module", "module": "zz"}, "unknown_key"),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_an_alert_that_makes_no_sense_keeps_no_other_from_rolling_back(
    staff: httpx.Client, labels: dict[str, str], code: str, order: int
) -> None:
    both = alert(rollback="module", module="crm", again=f"{code} {order}")
    both["alerts"] = [*alert(**labels)["alerts"], *both["alerts"]][::order]

    answer = staff.post(f"{ROLLOUT}/rollback", json=both)

    assert answer.status_code == 200, answer.text
    bad, good = answer.json()["rolled_back"][::order]
    assert (bad["changed"], bad["refused"]["code"]) == (False, code)
    assert good["scope"] == "module"
    assert "refused" not in good
    assert staff.get(ROLLOUT).json()["exempt_modules"] == ["crm"]


def test_an_alert_without_the_label_rolls_nothing_back(staff: httpx.Client) -> None:
    answer = staff.post(f"{ROLLOUT}/rollback", json=alert())

    assert answer.json()["rolled_back"][0]["scope"] is None
    assert ruled(staff, "42") == "enforce by percentage"
