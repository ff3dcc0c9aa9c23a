"""Native commands over HTTP: what they answer, and what makes them safe to repeat."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from api.routes.commands import COMMANDS
from tests.api.calls import command, status, version
from tests.live import LiveServer


def soon() -> str:
    """Two weeks from now."""
    return (datetime.now(UTC) + timedelta(days=14)).isoformat()


def test_a_grant_answers_what_it_did(staff: httpx.Client, org: int) -> None:
    """Positions, the version as ETag and token, before and after."""
    answer = command(staff, org, "grant", key="CRM")

    body = answer.json()
    assert answer.status_code == 200
    assert answer.headers["etag"] == '"v2"'
    assert (body["org_version"], body["consistency_token"]) == (2, "v2")
    assert (len(body["event_ids"]), len(body["positions"])) == (1, 1)
    assert (body["before"]["crm"], body["after"]["crm"]) == ("disabled", "enabled")
    assert body["after"]["crm.lead_management"] == "enabled"
    assert body["remaining_sources"] == ["admin"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_does_its_work(staff: httpx.Client, org: int, name: str) -> None:
    """Each command, after what it needs, changes the org it names."""
    for needed, made in _NEEDS.get(name, []):
        assert command(staff, org, needed, **made()).json()["changed"] is True

    wanted = _BODIES[name]()
    if name == "cancel-scheduled":
        [change] = staff.get(f"/api/v1/orgs/{org}/pending").json()["pending"]
        wanted = {"change_id": change["change_id"]}

    answer = command(staff, org, name, **wanted)

    assert answer.status_code == 200, answer.text
    assert answer.json()["changed"] is True
    assert version(staff, org) == answer.json()["org_version"]


_BODIES: dict[str, Callable[[], dict[str, Any]]] = {
    "grant": lambda: {"key": "crm"},
    "revoke": lambda: {"key": "crm"},
    "start-trial": lambda: {"key": "crm", "until": soon()},
    "extend-trial": lambda: {"key": "crm", "by_days": 3},
    "convert-trial": lambda: {"key": "crm"},
    "block": lambda: {"scope": "module", "key": "crm", "category": "compliance"},
    "unblock": lambda: {"scope": "module", "key": "crm", "category": "compliance"},
    "set-submodule": lambda: {"key": "crm.lead_management", "enabled": False},
    "cancel-scheduled": dict,
    "apply-bundle": lambda: {"bundle": "crm_suite"},
    "remove-bundle": lambda: {"bundle": "crm_suite"},
    "suspend": dict,
    "resume": dict,
}
_NEEDS: dict[str, list[tuple[str, Callable[[], dict[str, Any]]]]] = {
    "revoke": [("grant", _BODIES["grant"])],
    "extend-trial": [("start-trial", _BODIES["start-trial"])],
    "convert-trial": [("start-trial", _BODIES["start-trial"])],
    "unblock": [("block", _BODIES["block"])],
    "cancel-scheduled": [("grant", lambda: {"key": "crm", "until": soon()})],
    "remove-bundle": [("apply-bundle", _BODIES["apply-bundle"])],
    "resume": [("suspend", _BODIES["suspend"])],
}


def test_case_18_the_same_key_and_body_act_once(staff: httpx.Client, org: int) -> None:
    """Case 18: the same response bytes, and no second event."""
    headers = {"Idempotency-Key": f"once-{org}"}

    first = command(staff, org, "grant", key="crm", headers=headers)
    again = command(staff, org, "grant", key="crm", headers=headers)

    assert again.content == first.content
    assert again.headers["etag"] == first.headers["etag"]
    assert version(staff, org) == 2


def test_case_18_a_repeat_answers_as_it_was_even_after_other_changes(
    staff: httpx.Client, org: int
) -> None:
    """Case 18: what happened since does not change what the command came to."""
    headers = {"Idempotency-Key": f"later-{org}"}
    first = command(staff, org, "grant", key="crm", headers=headers)
    command(staff, org, "revoke", key="crm")

    again = command(staff, org, "grant", key="crm", headers=headers)

    assert again.content == first.content
    assert status(staff, org, "crm") == "disabled"


def test_case_18_a_repeat_of_what_changed_nothing_answers_the_same(
    staff: httpx.Client, org: int
) -> None:
    """Case 18: 'no change' is an answer that is kept, too."""
    headers = {"Idempotency-Key": f"nothing-{org}"}
    first = command(staff, org, "revoke", key="crm", headers=headers)
    command(staff, org, "grant", key="crm")

    again = command(staff, org, "revoke", key="crm", headers=headers)

    assert first.json()["changed"] is False
    assert again.content == first.content
    assert status(staff, org, "crm") == "enabled"


def test_case_18_another_body_under_the_same_key_is_refused(staff: httpx.Client, org: int) -> None:
    """Case 18: 422, and nothing is written."""
    headers = {"Idempotency-Key": f"reused-{org}"}
    command(staff, org, "grant", key="crm", headers=headers)

    answer = command(staff, org, "grant", key="erp", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert status(staff, org, "erp") == "disabled"


def test_keys_of_different_callers_do_not_meet(live: LiveServer, org: int) -> None:
    """The same key from two principals is two commands."""
    headers = {"Idempotency-Key": f"shared-{org}"}

    one = command(live.as_role("service", sub="a"), org, "grant", key="crm", headers=headers)
    two = command(live.as_role("service", sub="b"), org, "grant", key="erp", headers=headers)

    assert (one.status_code, two.status_code) == (200, 200)


def test_case_19_without_a_condition_the_second_admin_rebases(
    live: LiveServer, staff: httpx.Client, org: int
) -> None:
    """Case 19: many at once, all of them get through, each at a version of its own."""
    keys = ["crm", "erp", "hr", "finance", "service", "analytics", "payroll", "gst"]
    answers: list[httpx.Response] = []

    def grant(key: str) -> None:
        answers.append(command(live.as_role("super_admin"), org, "grant", key=key))

    threads = [threading.Thread(target=grant, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.json()["org_version"] for answer in answers) == list(range(2, 10))


def test_case_19_with_a_condition_the_second_admin_is_told_what_came_between(
    staff: httpx.Client, org: int
) -> None:
    """Case 19: 412 with a summary, and nothing is written."""
    command(staff, org, "grant", key="crm", headers={"If-Match": '"v1"'})

    answer = command(staff, org, "grant", key="erp", headers={"If-Match": '"v1"'})

    body = answer.json()
    assert (answer.status_code, body["code"]) == (412, "version_moved")
    assert [entry["org_version"] for entry in body["between"]] == [2]
    assert body["between"][0]["type"] == "entitlements.ModuleGranted.v1"
    assert body["between"][0]["actor"] == "root"
    assert status(staff, org, "erp") == "disabled"


def test_the_etag_of_the_map_serves_as_a_condition(staff: httpx.Client, org: int) -> None:
    """What a client has just read is what it can insist on."""
    tag = staff.get(f"/api/v1/orgs/{org}/entitlements").headers["etag"]

    assert command(staff, org, "grant", key="crm", headers={"If-Match": tag}).status_code == 200
    assert command(staff, org, "grant", key="erp", headers={"If-Match": tag}).status_code == 412


def test_a_preview_changes_nothing_and_its_plan_applies(staff: httpx.Client, org: int) -> None:
    """The same answer, then the same change."""
    preview = command(staff, org, "grant", key="crm", dry_run=True).json()
    assert status(staff, org, "crm") == "disabled"

    applied = command(staff, org, "grant", key="crm", plan_token=preview["plan_token"])

    assert applied.status_code == 200
    for field in ("before", "after", "org_version", "remaining_sources", "warnings", "changed"):
        assert applied.json()[field] == preview[field]


def test_a_plan_is_refused_when_what_it_read_has_moved(staff: httpx.Client, org: int) -> None:
    """409, and nothing is written."""
    token = command(staff, org, "grant", key="crm", dry_run=True).json()["plan_token"]
    command(staff, org, "grant", key="erp")

    answer = command(staff, org, "grant", key="crm", plan_token=token)

    assert (answer.status_code, answer.json()["code"]) == (409, "plan_moved")
    assert status(staff, org, "crm") == "disabled"


def test_a_plan_applies_to_the_request_it_was_made_for(staff: httpx.Client, org: int) -> None:
    """422 for another body."""
    token = command(staff, org, "grant", key="crm", dry_run=True).json()["plan_token"]

    answer = command(staff, org, "grant", key="erp", plan_token=token)

    assert (answer.status_code, answer.json()["code"]) == (422, "plan_mismatch")


def test_a_read_with_the_consistency_token_sees_the_change(staff: httpx.Client, org: int) -> None:
    """`min_version` is answered at once; a version that does not exist is a 409."""
    token = command(staff, org, "grant", key="crm").json()["consistency_token"]
    path = f"/api/v1/orgs/{org}/entitlements"

    seen = staff.get(path, params={"min_version": token})
    never = staff.get(path, params={"min_version": "v99"})

    assert seen.json()["entitlements"]["crm"]["status"] == "enabled"
    assert (never.status_code, never.json()["code"]) == (409, "version_not_reached")
    assert staff.get(path).status_code == 200


def test_case_11_revoking_what_was_never_granted_changes_nothing(
    staff: httpx.Client, org: int
) -> None:
    """Case 11: 200, `changed: false`, no event."""
    answer = command(staff, org, "revoke", key="crm")

    assert (answer.status_code, answer.json()["changed"]) == (200, False)
    assert answer.json()["positions"] == []
    assert version(staff, org) == 1


def test_case_4_a_revoked_admin_grant_names_the_plan_that_remains(
    staff: httpx.Client, org: int
) -> None:
    """Case 4: still enabled, with a warning."""
    command(staff, org, "grant", key="crm")
    command(staff, org, "grant", key="crm", source="plan:pro@1")

    body = command(staff, org, "revoke", key="crm").json()

    assert body["after"]["crm"] == "enabled"
    assert body["remaining_sources"] == ["plan:pro@1"]
    assert "plan:pro@1" in body["warnings"][0]


def test_a_service_of_another_org_may_not_command(live: LiveServer, org: int) -> None:
    """A service token that names an org is held to it."""
    own = command(live.as_role("service", org=str(org)), org, "grant", key="crm")
    other = command(live.as_role("service", org="7"), org, "grant", key="crm")

    assert (own.status_code, other.status_code) == (200, 403)
    assert other.json()["code"] == "not_permitted"
