"""The super-admin bypass over HTTP: on record before it is allowed, in sessions, and reviewed."""

from typing import Any

import httpx
import pytest

from tests.api.calls import REASON, command
from tests.live import LiveServer

pytestmark = pytest.mark.one_server

WHY = "Restoring what support broke on Monday"


def use(client: httpx.Client, org: int, **body: Any) -> httpx.Response:
    """A use of CRM, with a reason unless told otherwise."""
    asked = {"org": org, "key": "crm", "reason": WHY} | body
    given = {name: value for name, value in asked.items() if value is not None}
    return client.post("/api/v1/bypass/uses", json=given)


def session(client: httpx.Client, org: int, **body: Any) -> httpx.Response:
    return client.post("/api/v1/bypass/sessions", json={"org": org, "reason": WHY} | body)


def reviewed(client: httpx.Client, **query: Any) -> list[dict[str, Any]]:
    """The bypasses, oldest first."""
    params = {"order": "oldest"} | query
    found: list[dict[str, Any]] = client.get("/api/v1/audit/bypasses", params=params).json()[
        "events"
    ]
    return found


def test_a_bypass_is_on_record_when_it_is_allowed(staff: httpx.Client, org: int) -> None:
    """Who, what, why and which denial was set aside; at the position that was answered."""
    answer = use(staff, org, route="GET /crm/leads", ticket="OPS-18")

    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["allowed"], body["bypassed"], body["code"]) == (True, True, "bypassed")
    assert (body["status"], body["denied_by"]) == ("disabled", "not_granted")
    [event] = reviewed(staff, org=org)
    assert event["position"] == body["position"]
    assert (event["actor"], event["reason"], event["ticket"]) == ("root", WHY, "OPS-18")
    assert event["data"]["route"] == "GET /crm/leads"


def test_what_is_not_denied_is_no_bypass(staff: httpx.Client, org: int) -> None:
    """An entitled super admin is simply allowed, and so is everyone in an exempt module."""
    command(staff, org, "grant", key="crm")

    for key in ("crm", "email", "settings"):
        body = use(staff, org, key=key).json()
        assert (body["allowed"], body["bypassed"], body["position"]) == (True, False, None)
    assert reviewed(staff, org=org) == []


def test_a_bypass_leaves_the_org_as_it_is(staff: httpx.Client, org: int) -> None:
    """Nothing per request goes on an org's stream, and its effective state stays."""
    before = staff.get(f"/api/v1/orgs/{org}/entitlements").headers["etag"]
    use(staff, org)

    assert staff.get(f"/api/v1/orgs/{org}/entitlements").headers["etag"] == before


def test_a_bypass_needs_a_reason(staff: httpx.Client, org: int) -> None:
    """In the body, or in the header that guards hand on."""
    refused = use(staff, org, reason=None)
    assert (refused.status_code, refused.json()["code"]) == (422, "bypass_reason_missing")
    assert use(staff, org, reason="too short").json()["code"] == "invalid_reason"

    answer = staff.post(
        "/api/v1/bypass/uses",
        json={"org": org, "key": "crm"},
        headers={"X-Bypass-Reason": WHY},
    )
    assert answer.json()["bypassed"] is True
    assert len(reviewed(staff, org=org)) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_reason_in_a_header_is_read_as_it_was_written(
    staff: httpx.Client, org: int, encoding: str
) -> None:
    why = "Grüße aus der Buchhaltung"
    answer = staff.post(
        "/api/v1/bypass/uses",
        json={"org": org, "key": "crm"},
        headers=[(b"X-Bypass-Reason", why.encode(encoding))],
    )
    assert answer.status_code == 200, answer.text
    assert [event["reason"] for event in reviewed(staff, org=org)] == [why]


def test_only_super_admins_bypass(live: LiveServer, staff: httpx.Client, org: int) -> None:
    """And services on behalf of one, whose name is kept beside theirs."""
    for role in ("user", "org_admin", "service"):
        assert use(live.as_role(role, org=str(org)), org).status_code == 403
    service = live.as_role("service", sub="erp")
    assert use(service, org).status_code == 403

    assert use(service, org, actor={"sub": "root"}).json()["bypassed"] is True
    [event] = reviewed(staff, org=org)
    assert (event["actor"], event["on_behalf_of"]) == ("erp", "root")


def test_what_does_not_exist_cannot_be_bypassed(staff: httpx.Client, org: int) -> None:
    """Neither a key nor an org."""
    assert use(staff, org, key="crmm").status_code == 422
    assert use(staff, 999_999).status_code == 404


def test_a_session_gives_its_reason_to_every_use(staff: httpx.Client, org: int) -> None:
    """The first use of a key on a route in a minute is an event; further ones are counted."""
    opened = session(staff, org, ticket="OPS-19")
    assert opened.status_code == 201, opened.text
    named = opened.json()["session_id"]

    first = use(staff, org, reason=None, session_id=named).json()
    again = use(staff, org, reason=None, session_id=named).json()
    other = use(staff, org, reason=None, session_id=named, key="hr").json()

    assert first["position"] < other["position"]
    assert (again["bypassed"], again["position"]) == (True, None)
    found = reviewed(staff, session=named)
    assert [event["type"].split(".")[1] for event in found] == [
        "BypassSessionOpened",
        "BypassUsed",
        "BypassUsed",
    ]
    assert {(event["reason"], event["ticket"]) for event in found} == {(WHY, "OPS-19")}


def test_a_session_ends_when_it_is_closed(staff: httpx.Client, org: int) -> None:
    """Once; after that it lets nobody in, and closing it again changes nothing."""
    named = session(staff, org).json()["session_id"]
    closed = staff.delete(f"/api/v1/bypass/sessions/{named}").json()
    assert (closed["open"], closed["changed"]) == (False, True)

    assert staff.delete(f"/api/v1/bypass/sessions/{named}").json()["changed"] is False
    refused = use(staff, org, reason=None, session_id=named)
    assert (refused.status_code, refused.json()["code"]) == (409, "session_over")
    assert reviewed(staff, session=named)[-1]["type"] == "entitlements.BypassSessionClosed.v1"


def test_a_session_is_for_one_org_and_one_actor(
    live: LiveServer, staff: httpx.Client, org: int
) -> None:
    named = session(staff, org).json()["session_id"]
    other = live.as_role("super_admin", sub="somebody-else")

    assert use(other, org, reason=None, session_id=named).json()["code"] == "session_elsewhere"
    for unheard in ("unheard", "a\0b", "0" * 32):
        refused = use(staff, org, reason=None, session_id=unheard)
        assert (refused.status_code, refused.json()["code"]) == (404, "unknown_session")
    assert staff.get("/api/v1/bypass/sessions/a%00b").status_code == 404


@pytest.mark.parametrize("minutes", [0, 241])
def test_a_session_lasts_240_minutes_at_most(staff: httpx.Client, org: int, minutes: int) -> None:
    refused = session(staff, org, minutes=minutes)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_minutes")


def test_the_weekly_review_is_a_table(staff: httpx.Client, org: int) -> None:
    """Every bypass with its reason, as CSV that no spreadsheet runs."""
    use(staff, org, reason="=HYPERLINK(1) is no reason")

    answer = staff.get("/api/v1/audit/bypasses", params={"org": org, "format": "csv"})
    header, line = answer.text.splitlines()
    assert header.startswith("position,recorded_at")
    assert "'=HYPERLINK(1) is no reason" in line
    assert line.split(",")[header.split(",").index("org_id")] == str(org)


def test_a_bypass_is_found_by_actor_key_and_time(
    live: LiveServer, staff: httpx.Client, org: int
) -> None:
    """Every filter that is given must match."""
    other = live.as_role("super_admin", sub=f"admin-{org}")
    use(other, org, key="hr")
    use(staff, org)

    assert len(reviewed(staff, actor=f"admin-{org}")) == 1
    assert len(reviewed(staff, org=org, key="hr")) == 1
    assert len(reviewed(staff, org=org)) == 2
    assert reviewed(staff, org=org, to="2020-01-01T00:00:00Z") == []
    assert REASON not in str(reviewed(staff, org=org))
