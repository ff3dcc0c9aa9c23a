"""Case 18 over HTTP when the catalog has moved on: a repeat is answered from what was kept."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from domain.ids import CATALOG_STREAM
from infra.catalog import default_document
from infra.database import Database
from infra.settings import Settings
from infra.wiring import running
from tests.api.calls import REASON, command, update
from tests.infra.postgres.world import PATIENCE
from tests.infra.store.orders import ROOT

pytestmark = pytest.mark.one_server


def without(module: str) -> dict[str, Any]:
    """The shipped catalog, without a module and the bundles it is in."""
    document = default_document()
    modules = [m for m in document["modules"] if m["key"] != module]
    bundles = [b for b in document["bundles"] if module not in b["modules"]]
    return document | {"modules": modules, "bundles": bundles}


def publish(settings: Settings, database: Database, document: dict[str, Any]) -> None:
    async def run() -> None:
        async with running(settings, database) as parts:
            await parts.ledger.publish_catalog(document, by=ROOT, force=True)

    asyncio.run(run())


def until_gone(staff: httpx.Client, module: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while module in staff.get("/api/v1/admin/modules").text:
        assert time.monotonic() < deadline, f"{CATALOG_STREAM} was not heard of"
        time.sleep(0.05)


def test_case_18_a_repeat_is_answered_although_its_key_has_left_the_catalog(
    staff: httpx.Client, org: int, settings: Settings, module_database: Database
) -> None:
    """Native and seed routes alike; asked anew, the key is unknown."""
    once: dict[str, Any] = {"headers": {"Idempotency-Key": "once"}}
    change = {
        "reason": REASON,
        "changes": {"modules": [{"module_key": "exhibition", "status": "enabled"}]},
    }
    path = f"/api/v1/admin/orgs/{org}/entitlements"
    seed: dict[str, Any] = {"json": change, "headers": {"Idempotency-Key": "seed"}}
    native = command(staff, org, "grant", key="exhibition", source="plan:pro@1", **once)
    put = staff.put(path, **seed)
    assert (native.status_code, put.status_code) == (200, 200)

    publish(settings, module_database, without("exhibition"))
    until_gone(staff, '"exhibition"')

    again = command(staff, org, "grant", key="exhibition", source="plan:pro@1", **once)
    assert (again.status_code, again.content) == (200, native.content)
    assert staff.put(path, **seed).content == put.content
    anew = command(staff, org, "grant", key="exhibition")
    assert (anew.status_code, anew.json()["code"]) == (422, "unknown_key")
    refused = update(staff, org, modules=[{"module_key": "exhibition", "status": "enabled"}])
    assert refused.status_code == 422
