"""Watching what changes: in order, from where one left off, and never in silence."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from infra.database import Database
from infra.settings import Settings
from tests.api.calls import command
from tests.api.test_tokens import signed
from tests.live import LiveServer

pytestmark = pytest.mark.one_server

WATCH = "/api/v1/watch"
Event = tuple[str, int, dict[str, Any]]


@contextmanager
def watching(client: httpx.Client, since: int | None = None, **headers: str) -> Iterator[Any]:
    """The events, as they come."""
    params = {} if since is None else {"since": since}
    with client.stream("GET", WATCH, params=params, headers=headers, timeout=30) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer)


def events(answer: httpx.Response) -> Iterator[Event]:
    found: dict[str, str] = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            found[name] = value
        else:
            yield found["event"], int(found["id"]), json.loads(found["data"])
            found = {}


def first(told: Iterator[Event], kind: str) -> Event:
    """The next event of a kind."""
    return next(event for event in told if event[0] == kind)


def positions(told: Iterator[Event], *, until: int) -> list[int]:
    """Those of the changes up to one of them."""
    found: list[int] = []
    while not found or found[-1] < until:
        kind, position, _ = next(told)
        found += [position] if kind in ("org", "catalog") else []
    return found


def grant(staff: httpx.Client, org: int, key: str = "crm") -> int:
    """The position of a grant that watchers have been told of, which follows its answer."""
    place = int(command(staff, org, "grant", key=key).json()["positions"][0])
    with watching(staff, place - 1) as told:
        assert first(told, "org")[1] == place
    return place


def test_a_change_is_told_as_it_happens(staff: httpx.Client, org: int) -> None:
    """To everybody who watches, from a checkpoint on."""
    with watching(staff) as one, watching(staff) as other:
        for told in (one, other):
            # That the org was registered may still be on its way, and comes before.
            _, position, body = first(told, "checkpoint")
            assert (body["position"], body["ledger_epoch"]) == (position, 1)
            assert body["ledger_time"].endswith("Z")
        place = grant(staff, org)
        for told in (one, other):
            assert next(event for event in told if event[:2] == ("org", place)) == (
                "org",
                place,
                {"org_id": org, "org_version": 2, "position": place, "ledger_epoch": 1},
            )
            assert first(told, "heartbeat")[1] >= place


def test_one_who_was_away_hears_what_was_missed(staff: httpx.Client, org: int) -> None:
    """Each position once, in order; the checkpoint comes after them."""
    seen = grant(staff, org, "crm")
    missed = [grant(staff, org, key) for key in ("hr", "erp", "sales")]

    with watching(staff, seen) as told:
        found = [next(told) for _ in range(4)]
        assert [position for _, position, _ in found[:3]] == missed
        assert [kind for kind, _, _ in found] == ["org", "org", "org", "checkpoint"]
        later = grant(staff, org, "seo")
        assert first(told, "org")[1] == later
    with watching(staff, since=0, **{"Last-Event-ID": str(missed[-1])}) as told:
        assert positions(told, until=later) == [later]


def test_from_the_beginning_the_catalog_is_there(staff: httpx.Client, org: int) -> None:
    with watching(staff, 0) as told:
        kind, position, body = next(told)
    assert (kind, position) == ("catalog", 1)
    assert body == {"catalog_version": 1, "position": 1, "ledger_epoch": 1}
    assert org


def test_one_who_was_away_too_long_starts_afresh(
    staff: httpx.Client, org: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than so many positions behind: forget everything, and go on from here."""
    monkeypatch.setattr("api.routes.watch.MOST_BEHIND", 2)
    seen = grant(staff, org, "crm")
    last = [grant(staff, org, key) for key in ("hr", "erp", "sales")][-1]

    with watching(staff, seen) as told:
        assert first(told, "hydrate") == (
            "hydrate",
            last,
            {"position": last, "ledger_epoch": 1, "reason": "too_old"},
        )
    with watching(staff, last - 2) as told:
        assert next(told)[0] == "org"


def test_a_position_of_another_log_starts_afresh(staff: httpx.Client, org: int) -> None:
    """One that is beyond the end of this one."""
    last = grant(staff, org)
    with watching(staff, last + 1000) as told:
        kind, position, body = next(told)
        assert (kind, position, body["reason"]) == ("hydrate", last, "epoch_changed")
        assert next(told)[0] == "checkpoint"
        later = grant(staff, org, "hr")
        assert first(told, "org")[1] == later


def test_a_position_that_is_none_is_refused(staff: httpx.Client) -> None:
    for sent in (b"-1", b"x", b"\xb2", b"9" * 40):
        answer = staff.get(WATCH, headers={b"Last-Event-ID": sent})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_position")
    assert staff.get(WATCH, params={"since": "-1"}).status_code == 422


def test_watching_is_for_those_who_may_see_every_org(live: LiveServer, org: int) -> None:
    for role, own, allowed in (
        ("user", str(org), False),
        ("org_admin", str(org), False),
        ("service", str(org), False),
        ("service", None, True),
        ("super_admin", None, True),
    ):
        client = live.as_role(role, org=own)
        with client.stream("GET", WATCH) as answer:
            assert answer.status_code == (200 if allowed else 403)


def test_one_who_watches_does_not_hold_up_the_end(settings: Settings, database: Database) -> None:
    """The server lets go of streams that would go on for ever, also of one that does not read."""
    mine = settings.model_copy(
        update={"database_url": database.app_url, "migration_database_url": database.owner_url}
    )
    with LiveServer(mine) as live:
        staff = live.as_role("super_admin")
        host, port = live.address.removeprefix("http://").split(":")
        deaf = socket.create_connection((host, int(port)))
        bearer = staff.headers["authorization"]
        deaf.sendall(f"GET {WATCH} HTTP/1.1\r\nHost: x\r\nAuthorization: {bearer}\r\n\r\n".encode())
        stream = staff.send(staff.build_request("GET", WATCH), stream=True)
        assert next(events(stream))[0] == "checkpoint"
    # That the block was left at all is what is shown: it waits for the server's thread.
    deaf.close()
    stream.close()


def test_a_stream_ends_with_its_token(live: LiveServer) -> None:
    """Or whoever had a token once would hear of every organisation for ever."""
    expires = datetime.now(UTC) + timedelta(seconds=3)
    with watching(live.client(), Authorization=f"Bearer {signed(exp=expires)}") as told:
        beats = 0
        for kind, _, _ in told:
            beats += kind in ("heartbeat", "checkpoint")
            assert datetime.now(UTC) < expires + timedelta(seconds=30), "it goes on and on"
    assert beats
    assert datetime.now(UTC) >= expires - timedelta(seconds=1)
