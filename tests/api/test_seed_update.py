"""The seed's PUT: a diff of modules and submodules, all of it or nothing."""

from datetime import UTC, datetime, timedelta

import httpx

from tests.api.calls import command, status, update, version
from tests.live import LiveServer


def in_days(days: int) -> str:
    """An instant from now, as a client writes it."""
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def test_an_update_answers_with_the_position_and_the_new_state(
    staff: httpx.Client, org: int
) -> None:
    """`event_id` is the integer position of the last event."""
    answer = update(staff, org, modules=[{"module_key": "crm", "status": "enabled"}])

    body = answer.json()
    assert answer.status_code == 200
    assert body["success"] is True
    assert body["message"] == "Entitlements updated successfully"
    assert isinstance(body["event_id"], int)
    assert body["event_id"] > 0
    assert body["updated_entitlements"] == (
        staff.get(f"/api/v1/admin/orgs/{org}/entitlements").json()
    )
    assert status(staff, org, "crm") == "enabled"


def test_modules_and_submodules_change_together(staff: httpx.Client, org: int) -> None:
    """A trial with its end, and a submodule switched off, in one request."""
    end = in_days(14)
    update(
        staff,
        org,
        modules=[
            {"module_key": "CRM", "status": "enabled"},
            {"module_key": "manufacturing", "status": "trial", "trial_expires_at": end},
        ],
        submodules=[{"module_key": "crm", "submodule_key": "orders", "enabled": False}],
    )

    entitlements = staff.get(f"/api/v1/orgs/{org}/entitlements").json()["entitlements"]
    assert entitlements["manufacturing"]["status"] == "trial"
    expires = datetime.fromisoformat(entitlements["manufacturing"]["trial_expires_at"])
    assert expires == datetime.fromisoformat(end)
    assert entitlements["crm"]["submodules"]["orders"] is False
    assert entitlements["crm"]["submodules"]["campaigns"] is True


def test_case_31_one_invalid_change_of_two_writes_nothing(staff: httpx.Client, org: int) -> None:
    """Case 31: the valid half of a PUT is not written when the other half is refused."""
    before = version(staff, org)

    answer = update(
        staff,
        org,
        modules=[
            {"module_key": "crm", "status": "enabled"},
            {"module_key": "manufacturing", "status": "trial"},
        ],
    )

    assert answer.status_code == 422
    assert "manufacturing" in answer.json()["detail"]
    assert version(staff, org) == before
    assert status(staff, org, "crm") == "disabled"


def test_an_unknown_key_is_named_and_nothing_is_written(staff: httpx.Client, org: int) -> None:
    """422, with the nearest key."""
    answer = update(
        staff,
        org,
        modules=[
            {"module_key": "crm", "status": "enabled"},
            {"module_key": "manufactoring", "status": "enabled"},
        ],
    )

    assert answer.status_code == 422
    assert "'manufactoring'" in answer.json()["detail"]
    assert "'manufacturing'" in answer.json()["detail"]
    assert version(staff, org) == 1


def test_a_source_of_no_known_form_is_refused_and_nothing_changes(
    staff: httpx.Client, org: int
) -> None:
    """A submodule's, too."""
    crm = {"module_key": "crm", "status": "enabled"}
    orders = {"module_key": "crm", "submodule_key": "orders", "enabled": True, "source": "because"}
    answer = update(staff, org, modules=[crm], submodules=[orders])

    assert answer.status_code == 422
    assert "because" in answer.json()["detail"]
    assert status(staff, org, "crm") == "disabled"


def test_exempt_modules_are_accepted_and_change_nothing(staff: httpx.Client, org: int) -> None:
    """A front end that sends every module is not turned away over `email`."""
    answer = update(staff, org, modules=[{"module_key": "email", "status": "disabled"}])

    assert answer.status_code == 200
    assert answer.json()["changed"] is False
    assert answer.json()["event_id"] == 0
    assert status(staff, org, "email") == "enabled"


def test_disabling_what_a_plan_grants_blocks_it_and_says_so(staff: httpx.Client, org: int) -> None:
    """The answer says which of revoking and blocking happened."""
    command(staff, org, "grant", key="crm", source="plan:pro@1")

    answer = update(staff, org, modules=[{"module_key": "crm", "status": "disabled"}])

    assert any("admin_off" in warning for warning in answer.json()["warnings"])
    assert status(staff, org, "crm") == "disabled"


def test_an_unknown_org_is_not_found(staff: httpx.Client) -> None:
    """The seed's sentence."""
    answer = update(staff, 404404, modules=[{"module_key": "crm", "status": "enabled"}])

    assert answer.status_code == 404
    assert answer.json() == {"detail": "Organization with id 404404 not found"}


def test_only_super_admins_may_update(live: LiveServer, org: int) -> None:
    """An org's own admin may not, nor may a service."""
    for role in ("user", "org_admin", "service"):
        answer = update(live.as_role(role, org=str(org)), org, modules=[])

        assert answer.status_code == 403
        assert answer.json() == {"detail": "Super admin access required"}


def test_an_org_is_registered_once(staff: httpx.Client) -> None:
    """201, then 200 for the same again, then 409 for another name."""
    body = {"id": "acme-eu", "name": "Acme", "reason": "a new customer signed"}

    first = staff.post("/api/v1/admin/orgs", json=body)
    again = staff.post("/api/v1/admin/orgs", json=body)
    other = staff.post("/api/v1/admin/orgs", json=body | {"name": "Emca"})

    assert (first.status_code, first.json()["org_id"]) == (201, "acme-eu")
    assert (again.status_code, again.json()["changed"]) == (200, False)
    assert (other.status_code, other.json()["code"]) == (409, "org_already_registered")
