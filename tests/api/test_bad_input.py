"""Bad input gets the right status and a sentence that helps, and changes nothing."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.calls import REASON, command, version
from tests.live import LiveServer

pytestmark = pytest.mark.one_server


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"key": "crn"}, "unknown_key", "'crm'"),
        ({"key": "crm", "reason": "nine char"}, "invalid_reason", "10 to 500"),
        ({"key": "crm", "reason": " " * 20}, "invalid_reason", "10 to 500"),
        ({"key": "crm", "reason": "x" * 501}, "invalid_reason", "501"),
        ({"key": "crm", "reason": "not\x00printable"}, "invalid_text", "control"),
        ({"key": "crm", "reason": "half a \ud800 pair"}, "invalid_text", "reason"),
        ({"key": "crm", "until": "2030-01-01T00:00:00"}, "naive_timestamp", "time zone"),
        ({"key": "crm", "from": "2020-01-01T00:00:00Z"}, "backdated", "past"),
        ({"key": "crm", "until": "2020-01-01T00:00:00Z"}, "not_in_future", "future"),
        ({"key": "crm", "source": "somebody"}, "invalid_source", "somebody"),
        ({"key": "crm", "unheard_of": 1}, "invalid_request", "unheard_of"),
        ({}, "invalid_request", "key"),
        ({"key": ["crm"]}, "invalid_request", "key"),
        ({"key": "crm", "until": "tomorrow"}, "invalid_request", "until"),
        ({"key": "crm", "until": 1797000000}, "invalid_request", "give an instant"),
        ({"key": "crm", "until": "1899000000"}, "invalid_request", "give an instant"),
    ],
)
def test_a_grant_that_makes_no_sense_is_refused(
    staff: httpx.Client, org: int, body: dict[str, Any], code: str, words: str
) -> None:
    """422 as a problem with a stable code and the value at fault; no event."""
    content = json.dumps({"reason": REASON} | body)  # escapes what UTF-8 cannot carry
    answer = staff.post(f"/api/v1/orgs/{org}/commands/grant", content=content)

    problem = answer.json()
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["code"] == code
    assert problem["status"] == 422
    assert words in problem["detail"]
    assert version(staff, org) == 1


def test_an_unknown_org_is_a_404(staff: httpx.Client) -> None:
    """With the way to mend it."""
    answer = command(staff, 987654, "grant", key="crm")

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_org")
    assert "register" in answer.json()["hint"]


@pytest.mark.parametrize("org", ["007", "0", "a b", "x" * 65, "9" * 16])
def test_what_cannot_be_an_org_is_refused(staff: httpx.Client, org: str) -> None:
    """Leading zeros and numbers no client can hold would make one org two."""
    answer = command(staff, org, "grant", key="crm")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_org_id")


def test_malformed_json_is_a_400(staff: httpx.Client, org: int) -> None:
    """It is not JSON, so there is nothing to validate."""
    answer = staff.post(f"/api/v1/orgs/{org}/commands/grant", content=b'{"key": "crm",')

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json")


def test_a_form_is_told_to_be_json(staff: httpx.Client, org: int) -> None:
    """What `curl -d` sends without a header."""
    answer = staff.post(f"/api/v1/orgs/{org}/commands/grant", data={"key": "crm"})

    assert answer.status_code == 422
    assert "application/json" in answer.json()["hint"]


def test_deeply_nested_json_is_turned_down(staff: httpx.Client, org: int) -> None:
    """A stack is not exhausted by a body."""
    answer = staff.post(f"/api/v1/orgs/{org}/commands/grant", content=b"[" * 500_000)

    assert answer.status_code == 400


def _announced() -> bytes:
    return b'{"key": "' + b"x" * (2 << 20) + b'"}'


def _in_chunks() -> Iterator[bytes]:
    for _ in range(40):
        yield b"x" * 65_536


@pytest.mark.parametrize("content", [_announced, _in_chunks])
def test_a_body_of_two_mebibytes_is_refused(staff: httpx.Client, org: int, content: Any) -> None:
    """Whether it announces its length or not."""
    answer = staff.post(f"/api/v1/orgs/{org}/commands/grant", content=content())

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert version(staff, org) == 1


def test_a_condition_that_is_no_version_is_refused(staff: httpx.Client, org: int) -> None:
    """`If-Match` must be an ETag of ours."""
    answer = command(staff, org, "grant", key="crm", headers={"If-Match": '"latest"'})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_header")


def test_a_route_that_does_not_exist_is_a_problem(live: LiveServer) -> None:
    """404 and 405 speak the same language."""
    client = live.client()

    assert client.get("/api/v1/nothing").json()["code"] == "no_such_route"
    assert client.post("/livez").json()["code"] == "method_not_allowed"


def test_a_search_with_a_control_character_is_refused(staff: httpx.Client) -> None:
    """The database is not asked what it cannot store."""
    assert staff.get("/api/v1/admin/orgs", params={"search": "a\x00b"}).status_code == 422
