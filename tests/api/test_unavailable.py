"""The ledger's database away: what was last known serves, marked stale; the rest is a 503."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from domain.instants import from_iso, iso
from infra.database import Database
from infra.settings import Settings
from tests.api.calls import REASON, command
from tests.conftest import SECRET
from tests.faults.proxy import Proxy
from tests.live import LiveServer

pytestmark = pytest.mark.one_server

PATIENCE = 60.0  # seconds; a deadline for a machine that is busy
CHECK = "/api/v1/check"


class Distant(NamedTuple):
    """A server, a super admin, and what lies between the server and its database."""

    staff: httpx.Client
    proxy: Proxy


@pytest.fixture(scope="module")
def distant(
    module_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Distant]:
    """A server with orgs 1 and 2, and a trial in org 3 that is about to end."""
    directory: Path = tmp_path_factory.mktemp("distant")
    with Proxy(module_database.app_url) as proxy:
        settings = Settings(
            data_dir=directory,
            jwt_secret=SECRET,
            database_url=proxy.url,
            migration_database_url=module_database.owner_url,
        )
        with LiveServer(settings) as live:
            staff = live.as_role("super_admin")
            for number in (1, 2, 3):
                body = {"id": number, "name": f"Org {number}", "reason": REASON}
                assert staff.post("/api/v1/admin/orgs", json=body).status_code == 201
                command(staff, number, "grant", key="crm")
            yield Distant(staff, proxy)


def check(client: httpx.Client, org: int, **more: Any) -> httpx.Response:
    return client.post(CHECK, json={"org": org, "key": "crm", **more})


def until_stale(client: httpx.Client) -> httpx.Response:
    """The first answer that says so."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = check(client, 1)
        if answer.status_code != 200 or answer.json()["stale"]:
            return answer
        time.sleep(0.1)
    raise AssertionError("it never noticed that its database was away")


def test_nothing_but_what_was_known_is_told_while_the_database_is_away(distant: Distant) -> None:
    """And never a 403, nor anything that may be kept; afterwards it recovers by itself."""
    staff, proxy = distant
    ends = datetime.now(UTC) + timedelta(seconds=10)
    command(staff, 3, "start-trial", key="hr", until=iso(ends))
    for org in (1, 3):
        assert check(staff, org).json()["stale"] is False

    proxy.cut()
    stale = until_stale(staff)

    assert stale.status_code == 200
    body = stale.json()
    assert (body["allowed"], body["stale"]) == (True, True)
    assert body["not_after"] == body["evaluated_at"]
    assert stale.headers["cache-control"] == "no-store"
    never_read = check(staff, 2)
    assert (never_read.status_code, never_read.json()["code"]) == (503, "entitlement_unavailable")
    assert int(never_read.headers["retry-after"]) >= 1
    batch = staff.post(f"{CHECK}/batch", json={"orgs": [1, 2], "keys": ["crm"]})
    known, unknown = batch.json()["results"]
    assert (known["stale"], unknown["error"]["code"]) == (True, "entitlement_unavailable")
    nothing = staff.post(f"{CHECK}/batch", json={"orgs": [2], "keys": ["crm"]})
    assert nothing.status_code == 503
    assert check(staff, 1, at="2026-01-01T00:00:00Z").status_code == 503
    assert staff.get("/api/v1/orgs/1/snapshot").status_code == 503

    _wait_past(ends, staff)
    assert check(staff, 3).status_code == 503  # nobody knows what is so after the boundary
    assert check(staff, 1).json()["stale"] is True

    proxy.mend()
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and check(staff, 1).json().get("stale", True):
        time.sleep(0.1)
    assert check(staff, 1).json()["stale"] is False
    assert check(staff, 2).json()["allowed"] is True


def _wait_past(instant: datetime, client: httpx.Client) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if from_iso(check(client, 1).json()["evaluated_at"]) >= instant:
            return
        time.sleep(0.1)
    raise AssertionError("time does not go on")
