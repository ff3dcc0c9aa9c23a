"""What programs decide by themselves with: one org's snapshot, and the catalog."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from domain.instants import iso
from tests.api.calls import command
from tests.live import LiveServer

pytestmark = pytest.mark.one_server


def test_a_snapshot_has_all_that_decisions_need(staff: httpx.Client, org: int) -> None:
    """Every key has a state, and every disabled one a reason."""
    ends = datetime.now(UTC) + timedelta(days=3)
    command(staff, org, "grant", key="crm")
    last = command(staff, org, "start-trial", key="hr", until=iso(ends)).json()["positions"][-1]

    body = staff.get(f"/api/v1/orgs/{org}/snapshot").json()

    assert list(body) == [
        "org_id",
        "org_version",
        "position",
        "ledger_epoch",
        "catalog_version",
        "rollout_version",
        "evaluated_at",
        "next_boundary",
        "gating",
        "states",
        "denied_by",
    ]
    assert (body["org_id"], body["org_version"], body["position"]) == (org, 3, last)
    assert body["next_boundary"] == iso(ends)
    assert body["gating"] == {"default": "enforce", "modules": {}}
    catalog = staff.get("/api/v1/catalog").json()
    assert list(body["states"]) == list(catalog["keys"])
    assert (body["states"]["crm"], body["states"]["hr"]) == ("enabled", "trial")
    disabled = {key for key, state in body["states"].items() if state == "disabled"}
    assert set(body["denied_by"]) == disabled
    assert body["denied_by"]["erp"] == "not_granted"


def test_a_snapshot_is_the_same_read_from_the_database(
    live: LiveServer, staff: httpx.Client, org: int
) -> None:
    """In the process that wrote it, and in any other: by tag, too."""
    command(staff, org, "grant", key="crm")
    path = f"/api/v1/orgs/{org}/snapshot"
    mine = staff.get(path)
    with LiveServer(live.settings) as other:
        theirs = other.as_role("super_admin").get(path)

        assert theirs.headers["etag"] == mine.headers["etag"]
        lasting = {"evaluated_at": None}
        assert theirs.json() | lasting == mine.json() | lasting


def test_an_unchanged_snapshot_is_not_sent_again(staff: httpx.Client, org: int) -> None:
    path = f"/api/v1/orgs/{org}/snapshot"
    tag = staff.get(path).headers["etag"]
    assert tag.startswith('"v1.')
    assert staff.get(path, headers={"If-None-Match": tag}).status_code == 304
    command(staff, org, "grant", key="crm")
    changed = staff.get(path, headers={"If-None-Match": tag}, params={"min_version": "v2"})
    assert (changed.status_code, changed.json()["org_version"]) == (200, 2)
    ahead = staff.get(path, params={"min_version": "v9"})
    assert (ahead.status_code, ahead.json()["code"]) == (409, "version_not_reached")


def test_of_an_org_that_does_not_exist_the_rollout_is_told(staff: httpx.Client) -> None:
    """What is not gated lets it through all the same."""
    answer = staff.get("/api/v1/orgs/987654/snapshot")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_org")
    assert answer.json()["gating"] == {"default": "enforce", "modules": {}}
    assert (answer.json()["catalog_version"], answer.json()["rollout_version"]) == (1, 0)


def test_the_catalog_is_for_everybody_with_a_token(live: LiveServer) -> None:
    """Keys with their kinds and permissions, other spellings, and what each role may."""
    user = live.as_role("user", org="7")
    answer = user.get("/api/v1/catalog")
    body = answer.json()

    assert body["catalog_version"] == 1
    assert len(body["keys"]) == 49 + 223
    assert body["keys"]["crm"] == {"kind": "billable", "permission": None}
    assert body["keys"]["crm.lead_management"]["permission"] == "crm.view"
    assert body["keys"]["email"]["kind"] == "always_on"
    assert set(body["aliases"].values()) <= set(body["keys"])
    assert "crm.*" in body["role_permissions"]["org_admin"]
    assert body["role_permissions"]["super_admin"] == ["*"]
    tag = answer.headers["etag"]
    assert user.get("/api/v1/catalog", headers={"If-None-Match": tag}).status_code == 304
