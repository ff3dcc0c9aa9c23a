"""Verification and checkpoints over HTTP, and what a server leaves when it stops."""

import base64

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from infra.database import Database
from infra.integrity.checkpoints import CheckpointFile
from infra.settings import Settings
from tests.api.calls import command
from tests.live import LiveServer


def verify(client: httpx.Client, **params: str | int) -> httpx.Response:
    return client.get("/api/v1/audit/verify", params=params)


def test_a_log_that_is_right_verifies(staff: httpx.Client, org: int) -> None:
    """Up to the position it had when the question came."""
    position = command(staff, org, "grant", key="crm").json()["positions"][-1]

    body = verify(staff).json()

    assert (body["ok"], body["org_id"], body["break"]) == (True, None, None)
    assert body["events"] == body["position"] >= position


def test_the_break_is_named(staff: httpx.Client, altered: int) -> None:
    """200, because the question was answered."""
    answer = verify(staff)

    body = answer.json()
    assert (answer.status_code, body["ok"], body["events"]) == (200, False, altered - 1)
    assert (body["break"]["kind"], body["break"]["position"]) == ("altered", altered)


def test_one_org_can_be_verified_alone(staff: httpx.Client, org: int, altered: int) -> None:
    mine = verify(staff, org=org).json()

    assert (mine["org_id"], mine["ok"], mine["events"]) == (org, False, 1)
    assert mine["break"]["position"] == altered


def test_an_org_that_does_not_exist_is_not_found(staff: httpx.Client) -> None:
    answer = verify(staff, org=404404)

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_org")


@pytest.mark.parametrize("path", ["verify", "checkpoints"])
def test_a_service_without_an_org_may_ask(live: LiveServer, path: str) -> None:
    """One that is held to an org may not, nor may anybody of an org."""
    free = live.as_role("service").get(f"/api/v1/audit/{path}")
    held = live.as_role("service", org="1").get(f"/api/v1/audit/{path}")

    assert (free.status_code, held.status_code) == (200, 403)


def test_a_server_signs_the_end_of_the_log_when_it_stops(
    database: Database, settings: Settings
) -> None:
    """And the next one shows it, with the key to verify it by."""
    used = settings.model_copy(
        update={
            "database_url": database.app_url,
            "migration_database_url": database.owner_url,
        }
    )
    with LiveServer(used) as first:
        staff = first.as_role("super_admin")
        for number in (1, 2, 3):
            body = {"id": number, "name": "Acme", "reason": "a new customer signed"}
            assert staff.post("/api/v1/admin/orgs", json=body).status_code == 201

    last = CheckpointFile(used.data_dir).last()
    assert last is not None
    assert last.checkpoint.position == 4
    with LiveServer(used) as second:
        staff = second.as_role("super_admin")
        page = staff.get("/api/v1/audit/checkpoints", params={"limit": 1}).json()
        shown = page["checkpoints"]
        while page["next"] is not None:
            params = {"limit": 1, "after": page["next"]}
            page = staff.get("/api/v1/audit/checkpoints", params=params).json()
            shown += page["checkpoints"]
        verified = verify(staff).json()

    assert (shown[-1]["position"], shown[-1]["hash"]) == (4, last.checkpoint.hash.hex())
    assert (verified["checkpoints"], verified["checkpointed"]) == (len(shown), 4)
    [key] = page["keys"]
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key["public_key"]))
    public.verify(base64.b64decode(shown[-1]["signature"]), last.checkpoint.signed_text())


@pytest.mark.parametrize("params", [{"after": -1}, {"limit": 0}, {"limit": 1001}])
def test_a_page_that_makes_no_sense_is_refused(staff: httpx.Client, params: dict[str, int]) -> None:
    assert staff.get("/api/v1/audit/checkpoints", params=params).status_code == 422
