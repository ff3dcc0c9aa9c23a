"""Clients of each role, and orgs to ask about."""

from itertools import count

import httpx
import pytest

from tests.live import LiveServer

REASON = "because the contract says so"
_IDS = count(1001)


@pytest.fixture(scope="module")
def staff(live: LiveServer) -> httpx.Client:
    """A super admin."""
    return live.as_role("super_admin", sub="root")


@pytest.fixture
def org(staff: httpx.Client) -> int:
    """An org that was just registered."""
    number = next(_IDS)
    body = {"id": number, "name": f"Org {number}", "reason": REASON}
    assert staff.post("/api/v1/admin/orgs", json=body).status_code == 201
    return number


@pytest.fixture
def orgs(staff: httpx.Client) -> list[int]:
    """Three orgs that were just registered."""
    made = [20_000 + next(_IDS) for _ in range(3)]
    for number in made:
        body = {"id": number, "name": f"Org {number}", "reason": REASON}
        assert staff.post("/api/v1/admin/orgs", json=body).status_code == 201
    return made
