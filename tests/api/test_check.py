"""May this caller use this key? The quick lane and the documented route say the same."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from domain.instants import from_iso, iso
from tests.api.calls import command
from tests.live import LiveServer

pytestmark = pytest.mark.one_server

CHECK, BATCH = "/api/v1/check", "/api/v1/check/batch"
QUICK = "application/json"
DOCUMENTED = "application/json; charset=utf-8"  # the quick lane leaves it to the route
LANES = pytest.mark.parametrize("lane", [QUICK, DOCUMENTED], ids=["quick", "documented"])
FIELDS = [
    "allowed",
    "status",
    "denied_by",
    "code",
    "decision_id",
    "org_version",
    "catalog_version",
    "rollout_version",
    "evaluated_at",
    "not_after",
    "stale",
    "would_deny",
    "bypassable",
]


def ask(
    client: httpx.Client, body: dict[str, Any], lane: str = DOCUMENTED, path: str = CHECK
) -> httpx.Response:
    """A question, on one of the lanes."""
    return client.post(path, content=json.dumps(body), headers={"Content-Type": lane})


def lane_of(answer: httpx.Response) -> str:
    """The lane an answer came from: they set their headers in another order."""
    names = [name for name, _ in answer.headers.raw]
    first = names.index(b"content-type") < names.index(b"cache-control")
    return QUICK if first else DOCUMENTED


def lasting(answer: httpx.Response) -> Any:
    """A status and a body without what differs from one moment to the next."""

    def without(found: Any) -> Any:
        if isinstance(found, dict):
            moving = ("evaluated_at", "not_after", "decision_id")
            return {name: without(of) for name, of in found.items() if name not in moving}
        return [without(of) for of in found] if isinstance(found, list) else found

    return answer.status_code, without(answer.json())


@pytest.fixture
def crm(staff: httpx.Client, org: int) -> int:
    """An org that has CRM, and is in memory."""
    command(staff, org, "grant", key="crm")
    assert ask(staff, {"org": org, "key": "crm"}).status_code == 200
    return org


@LANES
def test_an_answer_says_by_what_it_was_given(staff: httpx.Client, crm: int, lane: str) -> None:
    """Versions, the instant, and until when it may be kept; nobody on the way keeps it."""
    answer = ask(staff, {"org": crm, "key": "crm"}, lane)
    body = answer.json()

    assert lane_of(answer) == lane
    assert list(body) == FIELDS
    assert (body["allowed"], body["status"], body["code"]) == (True, "enabled", "entitled")
    assert (body["org_version"], body["stale"]) == (2, False)
    lasts = from_iso(body["not_after"]) - from_iso(body["evaluated_at"])
    assert lasts == timedelta(seconds=300)
    assert answer.headers["cache-control"] == "no-store"


@LANES
def test_a_denial_is_an_answer(staff: httpx.Client, crm: int, lane: str) -> None:
    """200, and why."""
    answer = ask(staff, {"org": crm, "key": "hr"}, lane)

    assert (answer.status_code, lane_of(answer)) == (200, lane)
    assert answer.json()["allowed"] is False
    assert answer.json()["denied_by"] == "not_granted"
    assert answer.json()["bypassable"] is True


@LANES
def test_entitled_but_not_permitted(live: LiveServer, crm: int, lane: str) -> None:
    """Case 30; the token's wildcards count, and the role's."""
    user = live.as_role("user", org=str(crm), permissions=["crm.leads.*"])
    admin = live.as_role("org_admin", org=str(crm))
    for client in (user, admin):
        ask(client, {"org": crm, "key": "crm"})
    body: dict[str, Any] = {"org": crm, "key": "crm", "permission": "crm.create"}

    denied = ask(user, body, lane)
    assert lane_of(denied) == lane
    assert (denied.json()["denied_by"], denied.json()["code"]) == (
        "permission",
        "permission_denied",
    )
    assert ask(user, body | {"permission": "crm.leads.view"}, lane).json()["allowed"] is True
    assert ask(admin, body, lane).json()["allowed"] is True
    assert ask(user, body | {"key": "hr"}, lane).json()["denied_by"] == "not_granted"


MATRIX: list[dict[str, Any]] = [
    {"key": "crm"},
    {"key": "CRM"},
    {"key": "crm.lead_management"},
    {"key": "hr"},
    {"key": "voucher-settings"},
    {"key": "email"},
    {"key": "crn"},
    {"key": ""},
    {"key": "k" * 130},
    {"key": None},
    {"key": 7},
    {"key": "crm", "permission": "crm.create"},
    {"key": "crm", "permission": "crm.é"},
    {"key": "crm", "permission": ""},
    {"key": "crm", "permission": None},
    {"key": "crm", "permission": "p" * 201},
    {"key": "crm", "permission": 1},
    {"key": "crm", "org": 599},
    {"key": "crm", "org": "599"},
    {"key": "crm", "org": "0599"},
    {"key": "crm", "org": True},
    {"key": "crm", "org": 1.5},
    {"key": "crm", "org": "!"},
    {"key": "crm", "org": None},
    {"key": "crm", "reason": "there is no such field"},
    {"key": "crm", "at": "2026-01-01T00:00:00Z"},
    {"key": "crm", "at": "2026-01-01T00:00:00"},
    {"key": "crm", "at": "yesterday"},
    {"key": "crm", "at": None},
    {"key": "crm", "actor": {"role": "user", "permissions": ["crm.*"]}},
    {"key": "crm", "actor": {"role": "emperor"}},
    {"key": "crm", "actor": None},
]


@pytest.mark.parametrize("role", ["user", "org_admin", "service", "super_admin", "another", "free"])
def test_both_lanes_say_the_same_whatever_is_asked(live: LiveServer, crm: int, role: str) -> None:
    """One matrix over both: every role, and every way a question can be put or be wrong."""
    own: dict[str, str | None] = {"super_admin": None, "free": None, "another": "7"}
    name = {"another": "org_admin", "free": "service"}.get(role, role)
    client = live.as_role(name, org=own.get(role, str(crm)), permissions=["crm.create"])
    for question in MATRIX:
        body = {"org": crm} | question
        documented = ask(client, body)
        for _ in range(2):  # the second finds in memory what there is
            assert lasting(ask(client, body, QUICK)) == lasting(documented), question
        batch = {"orgs": [body.pop("org")], "keys": [body.pop("key")], **body}
        told = lasting(ask(client, batch, DOCUMENTED, BATCH))
        assert lasting(ask(client, batch, QUICK, BATCH)) == told, question


@pytest.mark.parametrize("path", [CHECK, BATCH])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Basic dTpw"},
        {"Authorization": "Bearer"},
    ],
    ids=str,
)
def test_without_a_token_neither_lane_answers(
    live: LiveServer, crm: int, path: str, headers: dict[str, str]
) -> None:
    body = json.dumps({"org": crm, "key": "crm", "orgs": [crm], "keys": ["crm"]})
    for lane in (QUICK, DOCUMENTED):
        sent = {**headers, "Content-Type": lane}
        assert live.client().post(path, content=body, headers=sent).status_code == 401


def test_of_two_tokens_both_lanes_take_the_first(live: LiveServer, crm: int) -> None:
    """A second header must not let anybody pass for another."""
    good, bad = live.as_role("super_admin").headers["authorization"], "Bearer nonsense"
    body = json.dumps({"org": crm, "key": "crm"})
    live.client().post(CHECK, content=body, headers={"Authorization": good})
    for lane in (QUICK, DOCUMENTED):
        headers = [("Content-Type", lane), ("Authorization", bad), ("Authorization", good)]
        assert live.client().post(CHECK, content=body, headers=headers).status_code == 401


BODIES = [b"", b"{", b"[]", b"1", b'"crm"', b"\xff", b"{}", b"[" * 60_000]


@pytest.mark.parametrize("lane", [QUICK, DOCUMENTED])
@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:5]))
def test_a_body_that_is_no_question_is_refused(staff: httpx.Client, body: bytes, lane: str) -> None:
    answer = staff.post(CHECK, content=body, headers={"Content-Type": lane})
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_too_large_a_body_is_refused_announced_or_not(staff: httpx.Client) -> None:
    large = b'{"org": 1, "key": "' + b"x" * (1 << 20) + b'"}'
    headers = {"Content-Type": QUICK}

    def pieces() -> Any:
        yield large[:1000]
        yield large[1000:]

    assert staff.post(CHECK, content=large, headers=headers).status_code == 413
    assert staff.post(CHECK, content=pieces(), headers=headers).status_code == 413


def test_a_body_in_pieces_is_a_question_as_any_other(staff: httpx.Client, crm: int) -> None:
    """However little of it arrives at a time."""
    body = json.dumps({"org": crm, "key": "crm"}).encode()
    pieces = (body[place : place + 1] for place in range(len(body)))
    answer = staff.post(CHECK, content=pieces, headers={"Content-Type": QUICK})
    assert answer.json()["allowed"] is True


def test_a_service_asks_about_an_actor(live: LiveServer, staff: httpx.Client, crm: int) -> None:
    """As that actor's token would have it; a super admin may, too, and nobody else."""
    actor = {"role": "user", "org_id": crm, "permissions": ["crm.view"]}
    body: dict[str, Any] = {"org": crm, "key": "crm", "permission": "crm.view", "actor": actor}

    for client in (staff, live.as_role("service"), live.as_role("service", org=str(crm))):
        assert ask(client, body).json()["allowed"] is True
        elsewhere = ask(client, body | {"actor": actor | {"org_id": 7}}).json()
        assert (elsewhere["code"], elsewhere["bypassable"]) == ("org_mismatch", False)
        without = ask(client, body | {"actor": {"role": "user", "org_id": crm}}).json()
        assert without["code"] == "permission_denied"
    for role in ("user", "org_admin"):
        refused = ask(live.as_role(role, org=str(crm)), body)
        assert (refused.status_code, refused.json()["code"]) == (403, "not_permitted")


def test_an_instant_is_for_those_who_may_read_histories(
    live: LiveServer, staff: httpx.Client, org: int
) -> None:
    """Cases 1 and 2, to the microsecond, before and after: by the events, without a timer."""
    begins = datetime.now(UTC) + timedelta(days=1)
    ends = begins + timedelta(days=7)
    command(staff, org, "start-trial", key="hr", **{"from": iso(begins), "until": iso(ends)})
    us = timedelta(microseconds=1)
    expected = [
        (begins - us, "not_yet_active", begins),
        (begins, None, ends),
        (ends - us, None, ends),
        (ends, "trial_expired", None),
        (ends + us, "trial_expired", None),
    ]

    for at, denied_by, until in expected:
        body = ask(staff, {"org": org, "key": "hr", "at": iso(at)}, QUICK).json()
        assert (body["evaluated_at"], body["denied_by"]) == (iso(at), denied_by)
        assert body["not_after"] == (iso(until) if until else None)
    refused = ask(live.as_role("user", org=str(org)), {"org": org, "key": "hr", "at": iso(ends)})
    assert refused.status_code == 403
    past = ask(staff, {"org": org, "key": "hr", "at": "2001-01-01T00:00:00Z"}).json()
    assert past["denied_by"] == "not_yet_active"


@LANES
def test_a_batch_is_judged_at_one_instant(staff: httpx.Client, crm: int, lane: str) -> None:
    """Case 16; in the order of the question, org by org."""
    ask(staff, {"orgs": [crm], "keys": ["crm"]}, DOCUMENTED, BATCH)
    answer = ask(staff, {"orgs": [crm, str(crm)], "keys": ["crm", "hr"]}, lane, BATCH)
    body = answer.json()

    assert lane_of(answer) == lane
    assert {found["evaluated_at"] for found in body["results"]} == {body["evaluated_at"]}
    assert [(found["org_id"], found["key"], found["allowed"]) for found in body["results"]] == [
        (crm, "crm", True),
        (crm, "hr", False),
    ] * 2


def test_a_batch_spanning_a_trials_end_has_one_instant(staff: httpx.Client, org: int) -> None:
    """Case 16: all of it before the end, or none."""
    ends = datetime.now(UTC) + timedelta(days=3)
    command(staff, org, "start-trial", key="hr", until=iso(ends))
    us = timedelta(microseconds=1)
    for at, allowed in ((ends - us, True), (ends, False)):
        asked = {"orgs": [org] * 100, "keys": ["hr", "hr.payroll"], "at": iso(at)}
        body = ask(staff, asked, DOCUMENTED, BATCH).json()
        assert {found["evaluated_at"] for found in body["results"]} == {iso(at)}
        assert {found["allowed"] for found in body["results"] if found["key"] == "hr"} == {allowed}


def test_an_item_that_cannot_be_answered_says_why(live: LiveServer, crm: int) -> None:
    """The others are answered all the same."""
    user = live.as_role("user", org=str(crm))
    body = ask(user, {"orgs": [crm, 7, "!"], "keys": ["crm"]}, QUICK, BATCH).json()

    mine, others, nonsense = body["results"]
    assert (mine["org_id"], mine["allowed"]) == (crm, True)
    assert (others["org_id"], others["error"]["code"]) == (7, "not_permitted")
    assert (nonsense["org_id"], nonsense["error"]["code"]) == ("!", "invalid_org_id")


@pytest.mark.parametrize(
    "wrong",
    [
        {"orgs": []},
        {"keys": []},
        {"orgs": list(range(1, 102))},
        {"keys": [f"k{number}" for number in range(101)]},
        {"orgs": 1},
        {"keys": "crm"},
    ],
    ids=lambda wrong: str(*wrong),
)
def test_a_batch_has_a_size(staff: httpx.Client, wrong: dict[str, Any]) -> None:
    body = {"orgs": [1], "keys": ["crm"]} | wrong
    for lane in (QUICK, DOCUMENTED):
        assert ask(staff, body, lane, BATCH).status_code == 422


def test_an_unknown_org_and_key_are_denials_that_nobody_keeps_making(staff: httpx.Client) -> None:
    """Case 25, as far as the server goes: nothing is created by a check."""
    unknown = ask(staff, {"org": 987654, "key": "crm"}, QUICK).json()
    assert (unknown["denied_by"], unknown["org_version"]) == ("unknown_org", 0)
    assert ask(staff, {"org": 987654, "key": "crn"}, QUICK).json()["denied_by"] == "unknown_key"
    assert staff.get("/api/v1/admin/orgs/987654/entitlements").status_code == 404


@LANES
def test_a_change_is_seen_by_the_next_check(staff: httpx.Client, crm: int, lane: str) -> None:
    """Read your writes, whichever lane; case 3 is searched in tests/projections."""
    assert ask(staff, {"org": crm, "key": "crm"}, lane).json()["allowed"] is True
    command(staff, crm, "revoke", key="crm")
    after = ask(staff, {"org": crm, "key": "crm"}, lane).json()
    assert (after["denied_by"], after["org_version"]) == ("revoked", 3)
    command(staff, crm, "suspend")
    assert ask(staff, {"org": crm, "key": "crm"}, lane).json()["denied_by"] == "blocked"


def test_ready_bytes_are_the_documented_ones(live: LiveServer, crm: int) -> None:
    """Maps and snapshots on the quick lane: the same bytes, tags and gates."""
    user, other = live.as_role("user", org=str(crm)), live.as_role("user", org="7")
    for what in ("entitlements", "snapshot"):
        path = f"/api/v1/orgs/{crm}/{what}"
        first = user.get(path)
        quick = user.get(path)
        assert lane_of(quick) == QUICK
        assert (quick.content, quick.headers["etag"]) == (first.content, first.headers["etag"])
        asked = user.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (asked.status_code, asked.content) == (304, b"")
        assert asked.headers["etag"] == first.headers["etag"]
        assert other.get(path).status_code == 403
        assert live.client().get(path).status_code == 401
