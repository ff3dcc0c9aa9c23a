"""What comes over one connection, byte by byte: the quick lane must change nothing of HTTP."""

import json
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest

from api.quick import QuickLane
from tests.api.calls import command
from tests.api.conftest import REASON
from tests.live import LiveServer

pytestmark = pytest.mark.one_server

ORG = 777
QUESTION = json.dumps({"org": ORG, "key": "crm"}).encode()
DOCUMENTED = b"application/json; charset=utf-8"  # the quick lane leaves it to the route


@pytest.fixture
def admin(live: LiveServer) -> httpx.Client:
    """A super admin; the org has CRM, and is in memory."""
    client = live.as_role("super_admin", sub="root")
    body = {"id": ORG, "name": "Seven", "reason": REASON}
    if client.post("/api/v1/admin/orgs", json=body).status_code == 201:
        command(client, ORG, "grant", key="crm")
    for _ in range(2):
        assert client.post("/api/v1/check", content=QUESTION).status_code == 200
        assert client.get(f"/api/v1/orgs/{ORG}/entitlements").status_code == 200
    return client


@pytest.fixture
def wire(live: LiveServer, admin: httpx.Client) -> Iterator[socket.socket]:
    """A connection without a client library."""
    with closing(connected(live)) as wire:
        yield wire


def connected(live: LiveServer, *, buffer: int | None = None) -> socket.socket:
    """A connection to a server; the kernel keeps `buffer` bytes for who does not read."""
    host, _, port = live.address.removeprefix("http://").partition(":")
    wire = socket.socket()
    if buffer is not None:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    wire.settimeout(10)
    wire.connect((host, int(port)))
    return wire


def check(
    admin: httpx.Client,
    *more: bytes,
    kind: bytes = b"application/json",
    length: bytes = b"Content-Length: %d" % len(QUESTION),
    body: bytes = QUESTION,
    version: bytes = b"1.1",
) -> bytes:
    """A question as bytes."""
    return b"\r\n".join(
        (
            b"POST /api/v1/check HTTP/" + version,
            b"Host: ledger",
            b"Authorization: " + admin.headers["authorization"].encode(),
            b"Content-Type: " + kind,
            length,
            *more,
            b"",
            body,
        )
    )


def whole_map(admin: httpx.Client) -> bytes:
    """A question for all of an org's entitlements."""
    bearer = admin.headers["authorization"]
    return (
        f"GET /api/v1/orgs/{ORG}/entitlements HTTP/1.1\r\nHost: ledger\r\n"
        f"Authorization: {bearer}\r\n\r\n"
    ).encode()


def read(wire: socket.socket, answers: int) -> list[tuple[bytes, bytes]]:
    """So many answers, each its head and its body."""
    found: list[tuple[bytes, bytes]] = []
    with wire.makefile("rb") as stream:
        while len(found) < answers:
            head = b"".join(iter(stream.readline, b"\r\n"))
            fields = dict(line.lower().split(b": ", 1) for line in head.splitlines()[1:])
            assert fields, f"the connection ended with {head!r} after {len(found)} answers"
            found.append((head, stream.read(int(fields.get(b"content-length", 0)))))
    return found


def is_quick(head: bytes) -> bool:
    """Whether an answer is the quick lane's: the lanes set their headers in another order."""
    return 0 < head.find(b"content-type") < head.find(b"cache-control")


@pytest.mark.parametrize("size", [1, 7, 200])
def test_a_question_in_pieces_is_answered_as_any_other(
    wire: socket.socket, admin: httpx.Client, size: int
) -> None:
    asked = check(admin)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for place in range(0, len(asked), size):
        wire.sendall(asked[place : place + size])
    [(head, body)] = read(wire, 1)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert is_quick(head)
    assert b"\r\ndate: " in head
    assert json.loads(body)["allowed"] is True


def test_questions_sent_at_once_are_answered_in_their_order(
    wire: socket.socket, admin: httpx.Client
) -> None:
    """Plain ones overtake none that the route works on."""
    slow, quick, everything = check(admin, kind=DOCUMENTED), check(admin), whole_map(admin)
    wire.sendall(quick + everything + slow + quick + everything + slow)
    answers = read(wire, 6)
    bodies = [json.loads(body) for _, body in answers]
    assert ["allowed" in body for body in bodies] == [True, False, True, True, False, True]
    assert all(head.startswith(b"HTTP/1.1 200 OK\r\n") for head, _ in answers)
    lanes = [is_quick(head) for head, _ in answers if b"etag" not in head]
    assert lanes == [True, False, False, False]  # what comes behind the route's goes there, too


def test_what_came_along_with_a_question_has_all_its_time(
    wire: socket.socket, admin: httpx.Client
) -> None:
    """A connection that is not used is closed after five seconds; this one is."""
    bearer = admin.headers["authorization"].encode()
    watch = b"GET /api/v1/watch HTTP/1.1\r\nHost: ledger\r\nAuthorization: " + bearer
    wire.sendall(check(admin) + watch + b"\r\n\r\n")
    since, told = time.monotonic(), b""
    while time.monotonic() - since < 8:
        piece = wire.recv(65_536)
        assert piece, "the connection was closed"
        told += piece
    assert b'"allowed":true' in told
    assert b"event: heartbeat" in told


@pytest.mark.parametrize(
    "odd",
    [
        {"length": b"Transfer-Encoding: chunked", "body": b"%x\r\n%b\r\n0\r\n\r\n"},
        {"length": b"Content-Length: 65537", "body": QUESTION.ljust(65_537)},
        {"more": b"Upgrade: h2c\r\nConnection: upgrade"},
        {"more": b"Proxy-Connection: close"},
        {"version": b"1.0", "more": b"Connection: keep-alive"},
    ],
    ids=["chunked", "large", "upgrade", "proxy", "1.0"],
)
def test_what_is_not_plain_is_left_to_the_route(
    wire: socket.socket, admin: httpx.Client, odd: dict[str, bytes]
) -> None:
    given = dict(odd)
    more = [given.pop("more")] if "more" in given else []
    if "Transfer-Encoding" in str(odd):
        given["body"] = odd["body"] % (len(QUESTION), QUESTION)
    wire.sendall(check(admin, *more, **given))
    [(head, body)] = read(wire, 1)
    assert not is_quick(head)
    # uvicorn reads no body after an upgrade that it does not make, so the route misses it.
    assert json.loads(body).get("allowed", "Upgrade" in str(odd)) is True


def maps_answered(admin: httpx.Client) -> int:
    """How many maps the server says it has answered."""
    page = admin.get("/metrics").text
    route = re.escape('route="/api/v1/orgs/{org}/entitlements"')
    return sum(
        int(float(number))
        for number in re.findall(
            rf"^\S*http_requests_total{{.*{route}.*}} (\S+)$", page, re.MULTILINE
        )
    )


def test_one_who_does_not_read_is_not_answered_on_and_on(
    live: LiveServer, admin: httpx.Client
) -> None:
    """What waits for him is bounded; once he reads, every answer comes."""
    asked, times = whole_map(admin), 4_000
    before = maps_answered(admin)
    with closing(connected(live, buffer=65_536)) as wire:
        sending = threading.Thread(target=wire.sendall, args=(asked * times,))
        sending.start()
        answered, until = -1, time.monotonic() + 20
        while answered < (answered := maps_answered(admin)) and time.monotonic() < until:
            time.sleep(0.5)
        assert answered - before < times
        bodies = {body for _, body in read(wire, times)}
        sending.join(timeout=10)
    assert len(bodies) == 1


def test_a_connection_goes_on_and_is_closed_when_that_was_asked_for(
    wire: socket.socket, admin: httpx.Client
) -> None:
    for _ in range(3):
        wire.sendall(check(admin))
        assert is_quick(read(wire, 1)[0][0])
    wire.sendall(check(admin, b"Connection: close"))
    [(head, _)] = read(wire, 1)
    assert b"connection: close" in head
    assert wire.recv(1) == b""


def test_who_asks_whether_to_go_on_is_told_so_first(
    wire: socket.socket, admin: httpx.Client
) -> None:
    asked = check(admin, b"Expect: 100-continue")
    wire.sendall(asked.removesuffix(QUESTION))
    assert wire.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.sendall(QUESTION)
    [(_, body)] = read(wire, 1)
    assert json.loads(body)["allowed"] is True


def test_a_body_where_none_belongs_is_left_to_the_route(
    wire: socket.socket, admin: httpx.Client
) -> None:
    """And is no request of its own, whatever it looks like."""
    asked = whole_map(admin).removesuffix(b"\r\n")
    wire.sendall(asked + b"Content-Length: %d\r\n\r\n" % len(asked) + asked)
    wire.sendall(check(admin))
    _, (_, body) = read(wire, 2)
    assert json.loads(body)["allowed"] is True


def test_what_the_lane_fails_at_the_route_answers(
    wire: socket.socket,
    admin: httpx.Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*given: object) -> None:
        raise RuntimeError("something is broken in the lane")

    monkeypatch.setattr(QuickLane, "_answer", fail)
    with caplog.at_level(logging.ERROR, logger="entitlements.http"):
        for _ in range(2):
            wire.sendall(check(admin))
            [(head, body)] = read(wire, 1)
            assert not is_quick(head)
            assert json.loads(body)["allowed"] is True
    assert caplog.text.count("something is broken in the lane") == 2  # the error and its line, once


@pytest.mark.usefixtures("admin")
def test_a_question_that_is_being_read_is_answered_before_the_end(live: LiveServer) -> None:
    """A server that is told to stop waits for the rest of what was begun."""
    with LiveServer(live.settings) as ending:
        admin = ending.as_role("super_admin", sub="root")
        asked = check(admin)
        assert admin.post("/api/v1/check", content=QUESTION).status_code == 200
        with closing(connected(ending)) as wire:
            wire.sendall(asked[:-5])
            time.sleep(0.3)
            ending.end()
            time.sleep(0.5)
            wire.sendall(asked[-5:])
            [(head, body)] = read(wire, 1)
    assert b"connection: close" in head
    assert json.loads(body)["allowed"] is True


def test_a_connection_that_is_not_used_is_closed(wire: socket.socket, admin: httpx.Client) -> None:
    """After the quick lane as after any other answer: uvicorn's keep-alive, five seconds."""
    wire.sendall(check(admin))
    read(wire, 1)
    since = time.monotonic()
    assert wire.recv(1) == b""
    assert time.monotonic() - since > 3
