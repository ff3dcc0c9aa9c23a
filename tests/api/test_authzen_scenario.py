"""The requests of AuthZEN's certification scenario: Basic, Batch and Search, each Core.

They are sent as they stand there, but for the type of a resource: there it is `record`, and the
ledger's resources are of the type `module`. Alice and Bob ask for themselves, with a token that
says what each may, because the ledger keeps no users. For the same reason no search for users
finds any, though the scenario wants both of them; and a search for resources finds a record by
the catalog's own name for it, `record_1`, of which `record-1` is an alias.
"""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra.database import Database
from infra.settings import Settings
from tests.api.calls import command
from tests.conftest import SECRET
from tests.live import LiveServer

pytestmark = pytest.mark.one_server

ONE, MANY, SEARCH = "/access/v1/evaluation", "/access/v1/evaluations", "/access/v1/search"
ALICE, BOB = ({"type": "user", "id": name} for name in ("alice", "bob"))
READ, WRITE = ({"name": name} for name in ("read", "write"))
FIRST, SECOND = ({"type": "module", "id": f"record-{number}"} for number in (1, 2))
RECORD = {"type": "record", "id": "record-1"}
CONTEXT = {"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"}
WHOLE: dict[str, Any] = {"subject": ALICE, "action": READ, "resource": FIRST}


def entry(number: int) -> dict[str, Any]:
    """A record as a module of the fixture catalog, with a submodule for each action."""
    shown = {"display_name": f"Record {number}", "sort_order": number}
    submodules = [
        {**shown, "id": 10 * number + place, "key": f"{action}ing", "permission": action}
        for place, action in enumerate(("read", "write"))
    ]
    module = {**shown, "id": number, "key": f"record-{number}", "kind": "billable"}
    return {**module, "submodules": submodules}


@pytest.fixture(scope="module")
def records(
    module_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A ledger with the fixture's catalog, where one org has the first record."""
    directory = tmp_path_factory.mktemp("records")
    catalog = directory / "catalog.json"
    catalog.write_text(json.dumps({"modules": [entry(1), entry(2)]}), encoding="utf-8")
    settings = Settings(
        data_dir=directory,
        jwt_secret=SECRET,
        catalog_file=catalog,
        database_url=module_database.app_url,
        migration_database_url=module_database.owner_url,
    )
    with LiveServer(settings) as live:
        staff = live.as_role("super_admin")
        body = {"id": 1, "name": "The scenario", "reason": "as the scenario has it"}
        assert staff.post("/api/v1/admin/orgs", json=body).status_code == 201
        assert command(staff, 1, "grant", key="record-1").status_code == 200
        yield live


@pytest.fixture(scope="module")
def alice(records: LiveServer) -> httpx.Client:
    return records.as_role("user", sub="alice", org="1", permissions=["read", "write"])


@pytest.fixture(scope="module")
def bob(records: LiveServer) -> httpx.Client:
    return records.as_role("user", sub="bob", org="1", permissions=["read"])


def answered(client: httpx.Client, path: str, body: dict[str, Any]) -> Any:
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    return answer.json()


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"context": CONTEXT},
        {"foo": "bar", "futureField": {"nested": True}},
        {
            "subject": ALICE | {"properties": {"department": "Sales", "role": "manager"}},
            "action": READ | {"properties": {"method": "GET"}},
            "resource": FIRST | {"properties": {"status": "active", "owner": "bob"}},
        },
    ],
)
def test_basic_a_request_is_permitted_each_time(alice: httpx.Client, more: dict[str, Any]) -> None:
    for _ in range(3):
        assert answered(alice, ONE, WHOLE | more)["decision"] is True


def test_basic_the_fixtures_four_decisions(alice: httpx.Client, bob: httpx.Client) -> None:
    asked = [(alice, ALICE, READ), (alice, ALICE, WRITE), (bob, BOB, READ), (bob, BOB, WRITE)]
    found = [
        answered(who, ONE, {"subject": subject, "action": action, "resource": FIRST})
        for who, subject, action in asked
    ]
    assert [one["decision"] for one in found] == [True, True, True, False]
    assert all(isinstance(one["context"], dict) for one in found)


@pytest.mark.parametrize(
    "wrong",
    [
        *({field: None} for field in WHOLE),
        {"subject": {"id": "alice"}},
        {"subject": {"type": "user"}},
        {"action": {}},
        {"resource": {"id": "record-1"}},
        {"resource": {"type": "record"}},
        {"subject": "alice"},
        {"action": {"name": 123}},
    ],
)
def test_basic_what_lacks_something_is_a_400(alice: httpx.Client, wrong: dict[str, Any]) -> None:
    body = {field: value for field, value in (WHOLE | wrong).items() if value is not None}
    assert alice.post(ONE, json=body).status_code == 400


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (json.dumps(WHOLE), "text/plain"),
        (json.dumps(WHOLE), "application/x-www-form-urlencoded"),
        ("{", "application/json"),
        ("", "application/json"),
    ],
)
def test_basic_what_is_no_json_is_a_400(alice: httpx.Client, content: str, kind: str) -> None:
    sent = {"Content-Type": kind, "X-Request-ID": "of the harness"}
    answer = alice.post(ONE, content=content, headers=sent)
    assert (answer.status_code, answer.headers["x-request-id"]) == (400, "of the harness")


def decisions(client: httpx.Client, body: dict[str, Any]) -> list[bool]:
    found = answered(client, MANY, body)
    assert set(found) == {"evaluations"}
    return [one["decision"] for one in found["evaluations"]]


def test_batch_each_is_decided_in_its_place(alice: httpx.Client, bob: httpx.Client) -> None:
    shared: dict[str, Any] = {"subject": ALICE, "action": READ}
    both = [{"resource": FIRST}, {"resource": SECOND}]
    assert decisions(alice, shared | {"evaluations": both}) == [True, False]
    actions = {"subject": BOB, "resource": FIRST, "evaluations": [{"action": READ}]}
    actions["evaluations"] = [{"action": READ}, {"action": WRITE}]
    assert decisions(bob, actions) == [True, False]
    each = [WHOLE, {"subject": BOB, "action": WRITE, "resource": FIRST}]
    assert decisions(alice, {"evaluations": each}) == [True, False]
    own = [both[0], both[1] | {"context": {"source": "batch-override"}}]
    assert decisions(alice, shared | {"context": CONTEXT, "evaluations": own}) == [True, False]


def test_batch_one_that_lacks_something_is_denied_alone(alice: httpx.Client) -> None:
    shared: dict[str, Any] = {"subject": ALICE, "action": READ}
    for wrong in ({}, "record-1", {"resource": "record-1"}, {"resource": {"type": "module"}}):
        body = shared | {"evaluations": [{"resource": FIRST}, wrong, {"resource": FIRST}]}
        assert decisions(alice, body) == [True, False, True]
        error = answered(alice, MANY, body)["evaluations"][1]["context"]["error"]
        assert (error["status"], bool(error["message"])) == (400, True)


def test_batch_identifiers_that_an_item_leaves_out_are_those_of_all(alice: httpx.Client) -> None:
    shared: dict[str, Any] = {"subject": ALICE, "action": WRITE, "resource": {"type": "module"}}
    assert decisions(alice, shared | {"evaluations": [{"resource": {"id": "record-1"}}]}) == [True]


def test_batch_without_evaluations_it_is_one(alice: httpx.Client) -> None:
    without: list[dict[str, Any]] = [{}, {"evaluations": []}]
    for more in without:
        assert answered(alice, MANY, WHOLE | more)["decision"] is True


def results(client: httpx.Client, what: str, body: dict[str, Any]) -> list[dict[str, str]]:
    found = answered(client, f"{SEARCH}/{what}", body)
    assert isinstance(found["page"]["next_token"], str)
    listed: list[dict[str, str]] = found["results"]
    return listed


def test_search_finds_records_and_actions(alice: httpx.Client) -> None:
    """A record by the catalog's own name for it, of which `record-1` is an alias."""
    body: dict[str, Any] = {"subject": ALICE, "action": READ, "resource": {"type": "module"}}
    found = results(alice, "resource", body)
    assert {"type": "module", "id": "record_1"} in found
    assert all(answered(alice, ONE, body | {"resource": one})["decision"] for one in found)
    assert "record_2" not in {one["id"] for one in found}
    for more in ({}, {"context": CONTEXT}):
        names = results(alice, "action", {"subject": ALICE, "resource": FIRST} | more)
        assert {"name": "read"} in names
        assert {"name": "write"} in names


def test_search_finds_no_users_because_there_are_none(records: LiveServer) -> None:
    """Conformant in form alone; the orgs that may are found instead."""
    staff = records.as_role("service")
    body: dict[str, Any] = {"subject": {"type": "user"}, "action": READ, "resource": FIRST}
    for more in ({}, {"context": CONTEXT}, {"page": {"limit": 1}}):
        assert results(staff, "subject", body | more) == []
    orgs = body | {"subject": {"type": "org"}, "action": {"name": "use"}}
    assert results(staff, "subject", orgs) == [{"type": "org", "id": "1"}]


def test_search_what_nobody_knows_is_an_empty_page(records: LiveServer) -> None:
    staff = records.as_role("service")
    stranger = {"subject": {"type": "user", "id": "nonexistent-user"}, "resource": RECORD}
    assert results(staff, "action", stranger) == []
    ship = {"subject": {"type": "spaceship"}, "action": READ, "resource": RECORD}
    assert results(staff, "subject", ship) == []
    assert results(staff, "subject", ship | {"subject": {"type": "user"}}) == []
    listed = {"subject": ALICE, "action": READ, "resource": {"type": "record"}}
    assert results(staff, "resource", listed) == []


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("subject", {"subject": {"type": "user"}, "resource": RECORD}),
        ("resource", {"action": READ, "resource": {"type": "record"}}),
        ("action", {"subject": ALICE}),
        (
            "subject",
            {"subject": {"type": "user"}, "action": READ, "resource": {"type": "record"}},
        ),
        (
            "resource",
            {"subject": {"type": "user"}, "action": READ, "resource": {"type": "record"}},
        ),
    ],
)
def test_search_what_lacks_something_is_a_400(
    records: LiveServer, what: str, body: dict[str, Any]
) -> None:
    answer = records.as_role("service").post(f"{SEARCH}/{what}", json=body)
    assert answer.status_code == 400
