"""Time over HTTP, set forward by hand: trials end, grants begin, and what is to come is told."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from infra.database import Database
from infra.settings import Settings
from tests.api.calls import command, status, update
from tests.conftest import SECRET
from tests.live import LiveServer

pytestmark = pytest.mark.one_server

second = timedelta(seconds=1)
day = timedelta(days=1)


@pytest.fixture(scope="module")
def live(
    module_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A server in test mode, with everything running."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("live"),
        jwt_secret=SECRET,
        database_url=module_database.app_url,
        migration_database_url=module_database.owner_url,
        test_clock=True,
    )
    with LiveServer(settings) as live:
        yield live


def now(staff: httpx.Client) -> datetime:
    """The ledger's time."""
    return datetime.fromisoformat(staff.get("/api/v1/test/clock").json()["now"])


def wait_until(staff: httpx.Client, instant: datetime) -> None:
    """Time passes."""
    answer = staff.post("/api/v1/test/clock", json={"set_to": instant.isoformat()})
    assert answer.status_code == 200, answer.text
    assert answer.json()["waited_for"] == ["ticker", "feed", "audit"]


def pending(staff: httpx.Client, org: int) -> list[dict[str, Any]]:
    """What is to come."""
    answer = staff.get(f"/api/v1/orgs/{org}/pending")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["pending"]
    return found


def events(staff: httpx.Client, org: int, kind: str) -> list[dict[str, Any]]:
    """The events of a kind about an org, the oldest first."""
    asked: dict[str, Any] = {"org": org, "type": kind, "order": "oldest"}
    found: list[dict[str, Any]] = staff.get("/api/v1/audit/events", params=asked).json()["events"]
    return found


def test_a_trial_ends_at_its_end_with_everything_running(staff: httpx.Client, org: int) -> None:
    """Case 1: cached until then, denied from then on, and told as an event with its notices."""
    end = now(staff) + 10 * day
    command(staff, org, "start-trial", key="crm", until=end.isoformat())
    wait_until(staff, end - 60 * second)
    assert status(staff, org, "crm") == "trial"

    wait_until(staff, end)

    assert status(staff, org, "crm") == "disabled"
    assert staff.get(f"/api/v1/orgs/{org}/enabled_modules").json()["CRM"] is False
    why = staff.get(f"/api/v1/orgs/{org}/explain", params={"key": "crm"}).json()
    assert why["denied_by"] == "trial_expired"
    [crossed] = events(staff, org, "BoundaryCrossed")
    assert crossed["data"]["changed"]["crm"] == ["trial", "disabled"]
    assert datetime.fromisoformat(crossed["effective_at"]) == end
    assert (crossed["actor"], crossed["actor_type"]) == ("boundary-ticker", "system")
    assert [e["data"]["days"] for e in events(staff, org, "TrialEnding")] == [1]


def test_a_grant_begins_while_disabled_is_cached(staff: httpx.Client, org: int) -> None:
    """Case 2."""
    start = now(staff) + day
    command(staff, org, "grant", key="crm", **{"from": start.isoformat()})
    wait_until(staff, start - 60 * second)
    assert status(staff, org, "crm") == "disabled"

    wait_until(staff, start)

    assert status(staff, org, "crm") == "enabled"
    [crossed] = events(staff, org, "BoundaryCrossed")
    assert crossed["data"]["changed"]["crm"] == ["disabled", "enabled"]


def test_an_extension_of_what_was_to_be_revoked_is_the_one_change(
    staff: httpx.Client, org: int
) -> None:
    """Case 12."""
    here = now(staff)
    command(staff, org, "start-trial", key="hr", until=(here + 20 * day).isoformat())
    soon = (here + 2 * day).isoformat()
    command(staff, org, "revoke", key="hr", scope="all", at=soon)
    assert [(c["kind"], c["cancellable"]) for c in pending(staff, org)] == [("trial_ends", True)]

    command(staff, org, "extend-trial", key="hr", until=(here + 30 * day).isoformat())

    [change] = pending(staff, org)
    assert datetime.fromisoformat(change["at"]) == here + 30 * day
    assert (change["kind"], change["key"], change["cancellable"]) == ("trial_ends", "hr", False)
    assert change["states"]["hr"] == {"from": "trial", "to": "disabled"}
    assert (change["actor"], change["source"]) == ("root", "trial")
    wait_until(staff, here + 3 * day)
    assert status(staff, org, "hr") == "trial"


def test_a_change_is_cancelled_before_its_instant_and_not_after(
    staff: httpx.Client, org: int
) -> None:
    """Case 13."""
    here = now(staff)
    for key, start in (("crm", here + day), ("hr", here + 2 * day)):
        command(staff, org, "grant", key=key, **{"from": start.isoformat()})
    first, other = pending(staff, org)
    wait_until(staff, here + day)

    late = command(staff, org, "cancel-scheduled", change_id=first["change_id"])
    in_time = command(staff, org, "cancel-scheduled", change_id=other["change_id"])
    again = command(staff, org, "cancel-scheduled", change_id=other["change_id"])
    unknown = command(staff, org, "cancel-scheduled", change_id="f" * 32)

    assert (late.status_code, late.json()["code"]) == (409, "already_effective")
    assert (in_time.status_code, in_time.json()["changed"]) == (200, True)
    assert (again.status_code, again.json()["changed"]) == (200, False)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_change")
    wait_until(staff, here + 3 * day)
    assert (status(staff, org, "crm"), status(staff, org, "hr")) == ("enabled", "disabled")


def test_a_trials_own_end_is_not_cancelled(staff: httpx.Client, org: int) -> None:
    """The hint says what moves it."""
    end = now(staff) + 2 * day
    command(staff, org, "start-trial", key="hr", until=end.isoformat())
    [change] = pending(staff, org)

    refused = command(staff, org, "cancel-scheduled", change_id=change["change_id"])

    assert (refused.status_code, refused.json()["code"]) == (409, "not_cancellable")
    assert "extend-trial" in refused.json()["hint"]


def test_a_map_that_spans_a_trials_end_is_of_one_instant(staff: httpx.Client, org: int) -> None:
    """Case 16, as far as the map goes: all that ends at one instant ends in the same answer."""
    end = (now(staff) + second).isoformat()
    trial = {"status": "trial", "trial_expires_at": end}
    update(staff, org, modules=[trial | {"module_key": key} for key in ("crm", "hr", "gst")])
    seen: set[tuple[str, ...]] = set()
    while "disabled" not in {state for states in seen for state in states}:
        found = staff.get(f"/api/v1/orgs/{org}/entitlements").json()["entitlements"]
        seen.add(tuple(found[key]["status"] for key in ("crm", "hr", "gst")))

    assert seen <= {("trial",) * 3, ("disabled",) * 3}


def test_the_clock_never_goes_back(staff: httpx.Client) -> None:
    """A boundary that has passed stays passed."""
    before = (now(staff) - second).isoformat()

    refused = staff.post("/api/v1/test/clock", json={"set_to": before})

    assert (refused.status_code, refused.json()["code"]) == (422, "clock_backwards")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"advance_seconds": -1},
        {"advance_seconds": 1, "set_to": "2126-01-01T00:00:00Z"},
        {"set_to": "2126-01-01T00:00:00"},
        {"advance_seconds": "NaN"},
    ],
)
def test_the_clock_is_set_by_one_thing_that_makes_sense(
    staff: httpx.Client, body: dict[str, Any]
) -> None:
    assert staff.post("/api/v1/test/clock", json=body).status_code == 422


def test_seconds_are_added(staff: httpx.Client) -> None:
    before = now(staff)
    answer = staff.post("/api/v1/test/clock", json={"advance_seconds": 90.5}).json()
    assert datetime.fromisoformat(answer["now"]) - before >= 90.5 * second


@pytest.mark.parametrize("role", ["user", "org_admin", "service"])
def test_only_a_super_admin_sets_the_clock(live: LiveServer, role: str) -> None:
    client = live.as_role(role, org="1")
    assert client.get("/api/v1/test/clock").status_code == 403
    assert client.post("/api/v1/test/clock", json={"advance_seconds": 1}).status_code == 403
    assert live.client().post("/api/v1/test/clock", json={"advance_seconds": 1}).status_code == 401


def test_what_was_recorded_keeps_the_databases_time(staff: httpx.Client, org: int) -> None:
    """The ledger's clock is ahead by then, and what is effective goes by it."""
    wait_until(staff, now(staff) + 400 * day)
    command(staff, org, "grant", key="crm")

    [granted] = events(staff, org, "ModuleGranted")

    recorded = datetime.fromisoformat(granted["recorded_at"])
    assert datetime.fromisoformat(granted["effective_at"]) - recorded > 300 * day
