"""Every key of the catalog as a flag, as OpenFeature's clients ask for it."""

import json
import socket
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as configured
from hypothesis import strategies as st

from api.identity import Unauthenticated
from api.ofrep.events import KEEP_ALIVE_SECONDS
from api.ofrep.signed import WINDOW_SECONDS, read, signed
from domain.ids import OrgId
from infra.database import Database
from infra.settings import Settings
from infra.tokens import stream_key
from tests.api.calls import REASON, command
from tests.live import LiveServer

pytestmark = pytest.mark.one_server

FLAGS = "/ofrep/v1/evaluate/flags"


def evaluate(client: httpx.Client, org: Any, key: str = "", **context: Any) -> httpx.Response:
    """One flag, or all of them."""
    body = {"context": {"targetingKey": org, **context}}
    return client.post(f"{FLAGS}/{key}" if key else FLAGS, json=body)


@pytest.fixture
def crm(staff: httpx.Client, org: int) -> int:
    """An org that has CRM, and HR on trial."""
    command(staff, org, "grant", key="crm")
    until = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    assert command(staff, org, "start-trial", key="hr", until=until).status_code == 200
    return org


@pytest.mark.parametrize(
    ("key", "value", "variant", "reason"),
    [
        ("crm", True, "enabled", "TARGETING_MATCH"),
        ("crm.lead_management", True, "enabled", "TARGETING_MATCH"),
        ("hr", True, "trial", "TARGETING_MATCH"),
        ("manufacturing", False, "disabled", "TARGETING_MATCH"),
        ("email", True, "always_on", "STATIC"),
    ],
)
def test_a_key_is_a_boolean_flag(
    staff: httpx.Client, crm: int, key: str, value: bool, variant: str, reason: str
) -> None:
    answer = evaluate(staff, str(crm), key)

    body = answer.json()
    assert answer.status_code == 200
    assert list(body) == ["key", "value", "reason", "variant", "metadata"]
    assert (body["key"], body["value"], body["variant"]) == (key, value, variant)
    assert body["reason"] == reason
    assert all(isinstance(told, bool | int | str) for told in body["metadata"].values())
    assert "org_version" not in body["metadata"]


def test_a_user_is_named_with_the_org_it_belongs_to(staff: httpx.Client, crm: int) -> None:
    assert evaluate(staff, "ada", "crm", org_id=crm).json()["value"] is True
    assert evaluate(staff, "ada", "crm", org_id="nobody").json()["value"] is False


def test_where_gating_is_off_the_flag_is_disabled(staff: httpx.Client, org: int) -> None:
    """What nobody granted is let through, and says so."""
    forced = {"orgs": [org], "mode": "off", "reason": REASON}
    assert staff.post("/api/v1/admin/rollout/force-org", json=forced).status_code == 200
    body = evaluate(staff, org, "crm").json()
    staff.post("/api/v1/admin/rollout/force-org", json=forced | {"mode": None})

    assert (body["value"], body["variant"], body["reason"]) == (True, "bypass", "DISABLED")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "PARSE_ERROR"),
        (b"\xff", "PARSE_ERROR"),
        (b"[" * 100_000, "PARSE_ERROR"),
        (b"[]", "PARSE_ERROR"),
        (b"", "TARGETING_KEY_MISSING"),
        (b"{}", "TARGETING_KEY_MISSING"),
        (b'{"context": {}}', "TARGETING_KEY_MISSING"),
        (b'{"context": {"targetingKey": ""}}', "TARGETING_KEY_MISSING"),
        (b'{"context": 1}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": true}}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": "\\ud800"}}', "INVALID_CONTEXT"),
        (b'{"context": {"targetingKey": "ada", "org_id": []}}', "INVALID_CONTEXT"),
    ],
)
def test_what_cannot_be_understood_is_told_in_the_protocols_own_form(
    staff: httpx.Client, body: bytes, code: str
) -> None:
    for path in (f"{FLAGS}/crm", FLAGS):
        answer = staff.post(path, content=body, headers={"Content-Type": "application/json"})

        told = answer.json()
        assert (answer.status_code, told["errorCode"]) == (400, code)
        assert told["errorDetails"]
        assert told.get("key") == ("crm" if path.endswith("crm") else None)


def test_other_refusals_have_the_same_form(live: LiveServer, staff: httpx.Client, crm: int) -> None:
    unknown = evaluate(staff, crm, "crn")
    assert unknown.status_code == 404
    assert (unknown.json()["key"], unknown.json()["errorCode"]) == ("crn", "FLAG_NOT_FOUND")
    stranger = evaluate(live.as_role("user", org="7"), crm, "crm")
    nobody = evaluate(live.client(), crm, "crm")
    large = staff.post(f"{FLAGS}/crm", content=b" " * ((1 << 20) + 1))
    found = [answer.status_code for answer in (stranger, nobody, large)]
    assert found == [403, 401, 413]
    for answer in (unknown, stranger, nobody, large):
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["errorDetails"]


def test_all_flags_come_with_an_etag(staff: httpx.Client, crm: int) -> None:
    """304 until the org moves; its version is told once, beside the flags."""
    first = evaluate(staff, crm)
    body, etag = first.json(), first.headers["etag"]
    again = staff.post(
        FLAGS, json={"context": {"targetingKey": crm}}, headers={"If-None-Match": etag}
    )
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    catalog = staff.get("/api/v1/catalog").json()["keys"]
    assert [flag["key"] for flag in body["flags"]] == list(catalog)
    assert body["metadata"]["org_version"] == 3
    assert not any("org_version" in flag["metadata"] for flag in body["flags"])
    for flag in body["flags"][:40]:
        alone = evaluate(staff, crm, flag["key"]).json()
        assert [flag[name] for name in ("value", "reason", "variant")] == [
            alone[name] for name in ("value", "reason", "variant")
        ]

    command(staff, crm, "revoke", key="crm")
    moved = staff.post(
        FLAGS, json={"context": {"targetingKey": crm}}, headers={"If-None-Match": etag}
    )
    assert moved.status_code == 200
    assert {f["key"]: f["value"] for f in moved.json()["flags"]}["crm"] is False


def told(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    """The events as they come; long enough of nothing but signs of life is an end."""
    quiet = 0
    for line in answer.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))
        quiet += line.startswith(":")
        assert quiet * KEEP_ALIVE_SECONDS < 45


def test_a_browser_is_told_to_ask_again(
    live: LiveServer, staff: httpx.Client, orgs: list[int]
) -> None:
    """By a URL that needs no header, for its own org alone."""
    mine, other = orgs[:2]
    stream = evaluate(staff, mine).json()["eventStreams"][0]
    assert stream["type"] == "sse"
    origin = {"Origin": "https://erp.example"}
    with live.client().stream("GET", stream["url"], headers=origin) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["access-control-allow-origin"] == "*"
        lines = answer.iter_lines()
        assert next(lines).startswith("retry:")
        command(staff, other, "grant", key="crm")
        place = command(staff, mine, "grant", key="crm").json()["positions"][0]
        event = next(line for line in lines if line.startswith("id: "))
        assert int(event.removeprefix("id: ")) == place
        assert json.loads(next(lines).removeprefix("data: ")) == {"type": "refetchEvaluation"}


def test_a_boundary_is_told_though_nothing_is_written(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No ticker runs that would record it."""
    monkeypatch.setattr("infra.server.ticking", lambda *_, **__: nullcontext())
    mine = settings.model_copy(
        update={"database_url": database.app_url, "migration_database_url": database.owner_url}
    )
    with LiveServer(mine) as live:
        staff = live.as_role("super_admin")
        body = {"id": 1, "name": "One", "reason": REASON}
        assert staff.post("/api/v1/admin/orgs", json=body).status_code == 201
        until = datetime.now(UTC) + timedelta(seconds=2)
        command(staff, 1, "grant", key="crm", until=until.isoformat())
        url = evaluate(staff, 1).json()["eventStreams"][0]["url"]
        with staff.stream("GET", url) as answer:
            assert next(told(answer)) == {"type": "refetchEvaluation"}
            assert evaluate(staff, 1, "crm").json()["value"] is False


def test_who_comes_back_is_told_at_once(staff: httpx.Client, org: int) -> None:
    url = evaluate(staff, org).json()["eventStreams"][0]["url"]
    with staff.stream("GET", url, headers={"Last-Event-ID": "1"}) as answer:
        assert next(told(answer)) == {"type": "refetchEvaluation"}


def test_a_stream_ends_with_its_url_and_says_so(
    staff: httpx.Client, org: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who then evaluates again is given a new URL, though no flag has changed."""
    monkeypatch.setattr("api.ofrep.signed.WINDOW_SECONDS", 1)
    before = evaluate(staff, org)
    with staff.stream("GET", before.json()["eventStreams"][0]["url"]) as answer:
        assert list(told(answer))[-1:] == [{"type": "refetchEvaluation"}]
    etag = {"If-None-Match": before.headers["etag"]}
    after = staff.post(FLAGS, json={"context": {"targetingKey": org}}, headers=etag)
    assert after.status_code == 200
    assert after.json()["flags"] == before.json()["flags"]


def test_a_stream_does_not_hold_up_the_end(settings: Settings, database: Database) -> None:
    """Of a server that names its URLs by the address that is set."""
    mine = settings.model_copy(
        update={
            "database_url": database.app_url,
            "migration_database_url": database.owner_url,
            "public_base_url": "https://ledger.example",
        }
    )
    with LiveServer(mine) as live:
        staff = live.as_role("super_admin")
        url = evaluate(staff, "1").json()["eventStreams"][0]["url"]
        assert url.startswith("https://ledger.example/ofrep/v1/events?token=1~")
        found = staff.get("/.well-known/authzen-configuration").json()
        assert found["access_evaluation_endpoint"] == (
            "https://ledger.example/access/v1/evaluation"
        )
        path = url.removeprefix("https://ledger.example")
        host, port = live.address.removeprefix("http://").split(":")
        stream = socket.create_connection((host, int(port)), timeout=30)
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        heard = b""
        while b"retry:" not in heard:
            heard += stream.recv(4096)
    # That the block was left at all is what is shown: it waits for the server's thread.
    stream.close()


def test_only_signed_urls_are_streams(live: LiveServer, staff: httpx.Client, org: int) -> None:
    url = evaluate(staff, org).json()["eventStreams"][0]["url"]
    for wrong in (url[:-1], url.replace(f"={org}", "=7"), url.split("?")[0], f"{url}é"):
        with live.client().stream("GET", wrong) as answer:
            assert answer.status_code == 401
            assert json.loads(answer.read())["errorCode"] == "GENERAL"


def test_a_token_ends_with_the_window_after_its_own(live: LiveServer) -> None:
    """Whoever asks once a window always has a good one."""
    key, now = stream_key(live.settings), datetime(2026, 1, 31, 12, 14, 59, tzinfo=UTC)
    token = signed(OrgId("a.b"), now=now, key=key)
    org, end = read(token, now=now, key=key)
    assert org == "a.b"
    assert timedelta(0) < end - now - timedelta(seconds=WINDOW_SECONDS)
    with pytest.raises(Unauthenticated):
        read(token, now=end, key=key)
    with pytest.raises(Unauthenticated):
        read(token, now=now, key=b"another")


def test_browsers_of_any_origin_may_evaluate(live: LiveServer, staff: httpx.Client) -> None:
    asked = {
        "Origin": "https://erp.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,if-none-match",
    }
    allowed = live.client().options(FLAGS, headers=asked)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "*"
    granted = allowed.headers["access-control-allow-headers"].lower()
    assert all(name in granted for name in ("authorization", "if-none-match"))
    answer = staff.post(FLAGS, json={}, headers={"Origin": "https://erp.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "etag" in answer.headers["access-control-expose-headers"].lower()
    elsewhere = staff.get("/api/v1/catalog", headers={"Origin": "https://erp.example"})
    assert "access-control-allow-origin" not in elsewhere.headers


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner),
    max_leaves=12,
)
NEARLY = st.fixed_dictionaries(
    {},
    optional={
        "context": st.fixed_dictionaries(
            {}, optional={"targetingKey": ANYTHING, "org_id": ANYTHING}
        )
        | ANYTHING
    },
)


@configured(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=NEARLY | ANYTHING)
def test_no_body_is_a_defect(staff: httpx.Client, body: Any) -> None:
    content = json.dumps(body)
    for path in (f"{FLAGS}/crm", FLAGS):
        answer = staff.post(path, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code in (200, 400), content
        assert answer.status_code == 200 or answer.json()["errorDetails"]
