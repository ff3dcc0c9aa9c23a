"""May a subject use a module? As gateways and policy tools ask by AuthZEN."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as configured
from hypothesis import strategies as st

from api.authzen.batches import whole
from api.authzen.documents import Partial
from infra.server import application
from tests.api.calls import command
from tests.live import LiveServer

pytestmark = pytest.mark.one_server

ONE, MANY, SEARCH = "/access/v1/evaluation", "/access/v1/evaluations", "/access/v1/search"


def module(key: str) -> dict[str, Any]:
    return {"type": "module", "id": key}


def user(org: int | None, *permissions: str, **more: Any) -> dict[str, Any]:
    properties = {"org_id": org, "permissions": list(permissions), **more}
    return {"type": "user", "id": "ada", "properties": properties}


def question(subject: dict[str, Any], key: str = "crm", action: str = "use") -> dict[str, Any]:
    return {"subject": subject, "action": {"name": action}, "resource": module(key)}


@pytest.fixture
def crm(staff: httpx.Client, org: int) -> int:
    """An org that has CRM."""
    assert command(staff, org, "grant", key="crm").status_code == 200
    return org


def decided(client: httpx.Client, body: dict[str, Any]) -> Any:
    answer = client.post(ONE, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_org_uses_what_it_was_granted(staff: httpx.Client, crm: int) -> None:
    org = {"type": "org", "id": str(crm)}
    assert decided(staff, question(org))["decision"] is True
    no = decided(staff, question(org, "hr"))
    assert no["decision"] is False
    assert no["context"]["denied_by"] == "not_granted"
    assert no["context"]["reason_user"]["en"]
    assert no["context"]["reason_admin"]["en"].startswith("not_granted")
    assert decided(staff, question(org, "email"))["decision"] is True


def test_a_user_needs_the_permission_as_well(staff: httpx.Client, crm: int) -> None:
    """Entitlement first, permission second, as everywhere."""
    ada = user(crm, "crm.leads.*")
    assert decided(staff, question(ada))["decision"] is True
    assert decided(staff, question(ada, action="crm.leads.view"))["decision"] is True
    denied = decided(staff, question(ada, action="crm.create"))
    assert (denied["decision"], denied["context"]["code"]) == (False, "permission_denied")
    assert decided(staff, question(ada, "hr", "crm.create"))["context"]["denied_by"] == (
        "not_granted"
    )
    assert decided(staff, question(user(crm, role="org_admin"), action="crm.create"))["decision"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (question(user(None)), "no_organization"),
        (question({"type": "org", "id": "999999"}), "unknown_org"),
        (question({"type": "org", "id": "!"}), "unknown_org"),
        (question({"type": "robot", "id": "7"}), "unknown_subject_type"),
        (
            question({"type": "org", "id": "7"}) | {"resource": {"type": "record", "id": "1"}},
            "unknown_resource_type",
        ),
    ],
)
def test_what_the_ledger_does_not_know_is_denied(
    staff: httpx.Client, body: dict[str, Any], code: str
) -> None:
    answer = decided(staff, body)
    assert answer["decision"] is False
    assert answer["context"]["reason_admin"]["en"].startswith(f"{code}: ")


def test_it_says_what_check_says(live: LiveServer, staff: httpx.Client, crm: int) -> None:
    """One decision, asked for in two ways."""
    service = live.as_role("service")
    for key in ("crm", "crm.lead_management", "hr", "email", "crn"):
        for permission in (None, "crm.leads.view", "crm.create"):
            actor = {"role": "user", "org_id": crm, "permissions": ["crm.leads.*"]}
            body = {"org": crm, "key": key, "actor": actor, "permission": permission}
            checked = service.post("/api/v1/check", json=body).json()
            asked = question(user(crm, "crm.leads.*"), key, permission or "use")
            answer = decided(service, asked)
            assert answer["decision"] is checked["allowed"]
            assert answer["context"]["denied_by"] == checked["denied_by"]


def test_an_orgs_people_ask_about_themselves(live: LiveServer, crm: int) -> None:
    """By what their token says, not by what they say."""
    ada = live.as_role("user", org=str(crm), sub="ada", permissions=["crm.leads.view"])
    assert decided(ada, question(user(crm), action="crm.leads.view"))["decision"] is True
    assert decided(ada, question(user(crm, "*"), action="crm.create"))["decision"] is False
    assert decided(ada, question({"type": "org", "id": str(crm)}))["decision"] is True
    for other in ({"type": "user", "id": "bob"}, {"type": "org", "id": "7"}):
        assert ada.post(ONE, json=question(other)).status_code == 403


SEARCHES = [f"{SEARCH}/{what}" for what in ("subject", "resource", "action")]


@pytest.mark.parametrize("path", [ONE, MANY, *SEARCHES])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b"{}", b"\xff", b"[" * 100_000])
def test_what_is_malformed_is_a_400_with_a_sentence(
    staff: httpx.Client, path: str, body: bytes
) -> None:
    sent = {"Content-Type": "application/json", "X-Request-ID": "of this question"}
    answer = staff.post(path, content=body, headers=sent)

    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-request-id"] == "of this question"
    assert answer.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"subject": None},
        {"subject": {"type": "user"}},
        {"subject": {"id": "ada"}},
        {"subject": {"type": "user", "id": 1}},
        {"subject": {"type": "", "id": "ada"}},
        {"subject": {"type": "user", "id": "ada", "properties": []}},
        {"action": {}},
        {"action": "use"},
        {"resource": {"type": "module"}},
        {"context": "now"},
    ],
)
def test_an_evaluation_that_lacks_something_is_a_400(
    staff: httpx.Client, wrong: dict[str, Any]
) -> None:
    body = question(user(7)) | wrong
    for path in (ONE, MANY):
        assert staff.post(path, json=body).status_code == 400


def test_the_request_id_comes_back(live: LiveServer, staff: httpx.Client, crm: int) -> None:
    """With whatever answer there is, and only where one was sent."""
    body, sent = question(user(crm)), {"X-Request-ID": "bfe9eb29"}
    large = b" " * ((1 << 20) + 1)
    answers = [
        staff.post(ONE, json=body, headers=sent),
        live.client().post(ONE, json=body, headers=sent),
        staff.post(ONE, content=large, headers=sent),
        live.client().get("/.well-known/authzen-configuration", headers=sent),
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 413, 200]
    assert {answer.headers["x-request-id"] for answer in answers} == {"bfe9eb29"}
    assert "x-request-id" not in staff.post(ONE, json=body).headers


def test_fields_nobody_knows_are_ignored(staff: httpx.Client, crm: int) -> None:
    body = question(user(crm)) | {"later": {"version": 2}}
    body["subject"]["later"] = body["action"]["later"] = True
    assert decided(staff, body)["decision"] is True


def keys_asked(staff: httpx.Client, crm: int, semantic: str | None, *keys: str) -> list[bool]:
    """The decisions about keys, asked for at once."""
    body: dict[str, Any] = {
        "subject": {"type": "org", "id": str(crm)},
        "action": {"name": "use"},
        "evaluations": [{"resource": module(key)} for key in keys],
    }
    if semantic is not None:
        body["options"] = {"evaluations_semantic": semantic}
    answer = staff.post(MANY, json=body)
    assert answer.status_code == 200, answer.text
    return [one["decision"] for one in answer.json()["evaluations"]]


def test_a_batch_ends_where_its_semantic_says(staff: httpx.Client, crm: int) -> None:
    for semantic in (None, "execute_all"):
        asked = keys_asked(staff, crm, semantic, "crm", "hr", "email")
        assert asked == [True, False, True]
    asked = keys_asked(staff, crm, "deny_on_first_deny", "crm", "hr", "email")
    assert asked == [True, False]
    asked = keys_asked(staff, crm, "permit_on_first_permit", "hr", "crm", "email")
    assert asked == [False, True]


def test_an_item_of_a_batch_overrides_what_all_share(
    live: LiveServer, staff: httpx.Client, crm: int
) -> None:
    ada = user(crm, "crm.leads.view")
    body = question(ada) | {
        "evaluations": [{}, {"action": {"name": "crm.create"}}, {"subject": user(None)}]
    }
    answers = staff.post(MANY, json=body).json()["evaluations"]
    assert [one["decision"] for one in answers] == [True, False, False]
    single = staff.post(MANY, json=question(ada)).json()
    assert single["decision"] is True
    wrong = body | {"options": {"evaluations_semantic": "whatever"}}
    assert staff.post(MANY, json=wrong).status_code == 400
    own = live.as_role("user", org=str(crm), sub="ada")
    mixed = question(ada) | {"evaluations": [{}, {"subject": {"type": "org", "id": "7"}}]}
    answers = own.post(MANY, json=mixed).json()["evaluations"]
    assert [one["decision"] for one in answers] == [True, False]
    assert answers[1]["context"]["error"]["status"] == 403


def test_the_context_of_an_item_stands_in_the_place_of_the_shared_one(crm: int) -> None:
    """It is no entity, so nothing in it names one, whatever it is called."""
    shared = Partial.model_validate(question(user(crm)) | {"context": {"id": "4711", "ip": "::1"}})
    assert whole(shared, {"context": {"ip": "::2"}}).context == {"ip": "::2"}
    assert whole(shared, {}).context == {"id": "4711", "ip": "::1"}


def searched(client: httpx.Client, what: str, body: dict[str, Any], limit: int) -> list[Any]:
    """Everything that a search finds, page by page."""
    found: list[Any] = []
    token = ""
    while True:
        asked = body | {"page": {"token": token, "limit": limit}}
        answer = client.post(f"{SEARCH}/{what}", json=asked)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["results"]) == page["page"]["count"] <= limit
        found += page["results"]
        token = page["page"]["next_token"]
        if not token:
            return found


def test_a_search_for_resources_finds_what_may_be_used(staff: httpx.Client, crm: int) -> None:
    subject = {"type": "org", "id": str(crm)}
    body = {"subject": subject, "action": {"name": "use"}, "resource": {"type": "module"}}
    found = searched(staff, "resource", body, 7)
    snapshot = staff.get(f"/api/v1/orgs/{crm}/snapshot").json()["states"]
    usable = [key for key, state in snapshot.items() if state != "disabled"]
    assert found == [module(key) for key in usable]
    assert found == searched(staff, "resource", body, 1000)
    nothing = body | {"resource": {"type": "record"}}
    assert searched(staff, "resource", nothing, 10) == []


def test_a_search_for_subjects_finds_who_may(
    live: LiveServer, staff: httpx.Client, orgs: list[int]
) -> None:
    for org in orgs:
        command(staff, org, "grant", key="sales")
    command(staff, orgs[1], "revoke", key="sales", scope="all")
    body = {"subject": {"type": "org"}, "action": {"name": "use"}, "resource": module("sales")}
    found = searched(staff, "subject", body, 1)
    wanted = [{"type": "org", "id": str(org)} for org in (orgs[0], orgs[2])]
    assert found == wanted == searched(staff, "subject", body, 50)
    everyone = searched(staff, "subject", body | {"resource": module("email")}, 2)
    assert {str(org) for org in orgs} <= {one["id"] for one in everyone}
    assert searched(staff, "subject", body | {"subject": {"type": "user"}}, 5) == []
    own = live.as_role("service", org=str(orgs[0]))
    assert own.post(f"{SEARCH}/subject", json=body).status_code == 403


def test_a_search_for_actions_finds_what_is_held(staff: httpx.Client, crm: int) -> None:
    """And an evaluation permits each of them."""
    ada = user(crm, "crm.view", "hr.*")
    body = {"subject": ada, "resource": module("crm")}
    found = [one["name"] for one in searched(staff, "action", body, 1)]
    assert found == ["crm.view", "use"]
    assert all(decided(staff, question(ada, action=name))["decision"] for name in found)
    less = body | {"subject": user(crm)}
    assert searched(staff, "action", less, 5) == [{"name": "use"}]
    assert searched(staff, "action", body | {"resource": module("hr")}, 5) == []
    assert searched(staff, "action", body | {"resource": module("crn")}, 5) == []


def test_a_token_is_good_for_its_own_search_only(staff: httpx.Client, crm: int) -> None:
    body = {
        "subject": {"type": "org", "id": str(crm)},
        "action": {"name": "use"},
        "resource": {"type": "module"},
        "page": {"limit": 1},
    }
    token = staff.post(f"{SEARCH}/resource", json=body).json()["page"]["next_token"]
    other = body | {"subject": {"type": "org", "id": "7"}, "page": {"token": token}}
    for wrong in (other, body | {"page": {"token": "é"}}, body | {"page": {"token": "AAAA"}}):
        assert staff.post(f"{SEARCH}/resource", json=wrong).status_code == 400


def test_discovery_names_every_endpoint(live: LiveServer) -> None:
    """Without a token, by the address the request came to, or the one that is set."""
    told = live.client().get("/.well-known/authzen-configuration").json()
    paths = application(live.settings).openapi()["paths"]
    assert told["policy_decision_point"] == live.address
    endpoints = [url for name, url in told.items() if name.endswith("_endpoint")]
    assert len(endpoints) == 5
    assert all(url.removeprefix(live.address) in paths for url in endpoints)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=10,
)
ENTITY = st.fixed_dictionaries(
    {"type": st.sampled_from(["user", "org", "module", "x"]), "id": st.text(max_size=8)},
    optional={
        "properties": st.fixed_dictionaries(
            {}, optional={"org_id": ANYTHING, "role": ANYTHING, "permissions": ANYTHING}
        )
    },
)
NEARLY = st.fixed_dictionaries(
    {
        "subject": ENTITY | ANYTHING,
        "action": st.fixed_dictionaries({"name": st.text(max_size=8)}) | ANYTHING,
        "resource": ENTITY | ANYTHING,
    },
    optional={"context": ANYTHING, "evaluations": ANYTHING, "options": ANYTHING, "page": ANYTHING},
)


@configured(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=NEARLY | ANYTHING)
def test_no_body_is_a_defect(staff: httpx.Client, body: Any) -> None:
    content = json.dumps(body)
    for path in (ONE, MANY, f"{SEARCH}/subject", f"{SEARCH}/resource", f"{SEARCH}/action"):
        answer = staff.post(path, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in (200, 400), content
