"""Clients of each role, and orgs to ask about."""

from collections.abc import Iterator
from itertools import count

import httpx
import psycopg
import pytest

from infra.database import Database
from tests.api.calls import command
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


@pytest.fixture
def altered(module_database: Database, org: int, staff: httpx.Client) -> Iterator[int]:
    """The position of an event that was altered behind the ledger's back, until the test ends."""
    command(staff, org, "grant", key="crm")
    with psycopg.connect(module_database.owner_url, autocommit=True) as owner:
        owner.execute("ALTER TABLE ledger.events DISABLE TRIGGER immutable")
        row = owner.execute(
            "UPDATE ledger.events SET state = state || ' ' WHERE stream = %s AND version = 2"
            " RETURNING position",
            (f"org-{org}",),
        ).fetchone()
        assert row is not None
        yield row[0]
        owner.execute(
            "UPDATE ledger.events SET state = substr(state, 1, length(state) - 1)"
            " WHERE position = %s",
            (row[0],),
        )
        owner.execute("ALTER TABLE ledger.events ENABLE ALWAYS TRIGGER immutable")
