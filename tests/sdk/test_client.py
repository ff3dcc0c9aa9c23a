"""The client over real HTTP: what it keeps, what it asks for, and what it says when it cannot."""

import asyncio
import time

import pytest

from entitlements_sdk import Entitlements, Principal
from tests.sdk.conftest import ClientOf
from tests.sdk.ledger import SmallLedger
from tests.sdk.serving import Served
from tests.sdk.waiting import comes_true, eventually

pytestmark = pytest.mark.anyio
SNAPSHOT = "/api/v1/orgs/42/snapshot"


async def denied(entitlements: Entitlements) -> bool:
    """Whether org 42 is denied CRM by now."""
    return (await entitlements.check(42, "crm")).denied_by is not None


async def test_what_was_asked_once_is_answered_from_memory(
    ledger: SmallLedger, client: ClientOf
) -> None:
    entitlements = await client()
    first = await entitlements.check(42, "crm")
    again = await entitlements.check("42", "CRM.lead_management")
    denied = await entitlements.check(42, "manufacturing")
    assert (first.allowed, first.code, again.allowed) == (True, "entitled", True)
    assert (denied.allowed, denied.denied_by) == (False, "not_granted")
    assert ledger.count(SNAPSHOT) == 1
    assert entitlements.metrics()["entitlement_cache_hit_rate"] == pytest.approx(2 / 3)


async def test_a_hundred_checks_at_once_ask_the_ledger_once(
    ledger: SmallLedger, client: ClientOf
) -> None:
    entitlements = await client()
    ledger.held = True
    waiting = [asyncio.create_task(entitlements.check(42, "crm")) for _ in range(100)]
    await eventually(lambda: ledger.waiting, "the question")
    ledger.held = False
    assert all(await asyncio.gather(*waiting))
    assert ledger.count(SNAPSHOT) == 1


async def test_a_revocation_is_heard_and_acted_on(ledger: SmallLedger, client: ClientOf) -> None:
    entitlements = await client()
    assert await entitlements.allowed(42, "crm")
    version = ledger.set(42, crm="disabled")
    await comes_true(lambda: denied(entitlements), "the revocation")
    assert (await entitlements.check(42, "crm")).org_version == version


async def test_a_read_that_a_revocation_overtakes_is_discarded(
    ledger: SmallLedger, client: ClientOf
) -> None:
    """Case 3: the answer that was made before is thrown away, and asked for again."""
    entitlements = await client()
    ledger.held = True
    check = asyncio.create_task(entitlements.check(42, "crm"))
    await eventually(lambda: ledger.waiting, "the question")
    ledger.set(42, crm="disabled")
    cache = entitlements._cache  # noqa: SLF001 - nothing else shows that the news has arrived
    await eventually(lambda: cache._floors, "the news")  # noqa: SLF001
    ledger.held = False
    assert (await check).denied_by == "not_granted"
    assert entitlements.metrics()["cache_refill_discarded_total"] >= 1


async def test_a_version_that_is_known_of_is_waited_for_in_vain_is_no_denial(
    ledger: SmallLedger, client: ClientOf
) -> None:
    """With a consistency token nothing older is served, whatever was heard."""
    entitlements = await client()
    assert await entitlements.allowed(42, "crm")
    version = ledger.set_untold(42, crm="disabled")
    assert await entitlements.allowed(42, "crm")
    assert not (await entitlements.check(42, "crm", min_version=version)).allowed
    ahead = await entitlements.check(42, "crm", min_version=version + 1)
    assert ahead.unavailable


async def test_without_heartbeats_every_check_asks_with_an_etag(
    ledger: SmallLedger, client: ClientOf
) -> None:
    ledger.silent = True
    entitlements = await client(listening=False)
    assert not entitlements.listening
    for _ in range(3):
        assert await entitlements.allowed(42, "crm")
    assert ledger.count(SNAPSHOT, 200) == 1
    assert ledger.count(SNAPSHOT, 304) == 2
    ledger.set_untold(42, crm="disabled")
    assert not await entitlements.allowed(42, "crm")


async def test_a_ledger_that_is_away_is_never_a_denial(
    ledger: SmallLedger, served: Served, client: ClientOf
) -> None:
    """Last known good, marked stale; then by policy; then all by itself as before."""
    entitlements = await client(on_unknown={"hr": "allow"})
    assert await entitlements.allowed(42, "crm")
    served.stop()
    await eventually(lambda: not entitlements.listening, "silence")

    known = await entitlements.check(42, "crm")
    assert (known.allowed, known.stale) == (True, True)
    unknown = await entitlements.check(7, "crm")
    assert (unknown.allowed, unknown.unavailable, unknown.denied_by) == (False, True, None)
    assert unknown.retry_after >= 1
    harmless = await entitlements.check(7, "hr")
    assert (harmless.allowed, harmless.code) == (True, "unknown_allowed")
    assert (await entitlements.check(7, "email")).code == "exempt"

    ledger.set(7, crm="enabled")
    served.start()
    await eventually(lambda: entitlements.listening, "a heartbeat")
    await comes_true(lambda: entitlements.allowed(7, "crm"), "recovery")
    assert not (await entitlements.check(7, "crm")).stale
    counted = entitlements.metrics()
    assert counted["stale_served_total"] >= 1
    assert counted["entitlement_unavailable_total"] >= 1
    assert counted["entitlement_denied_total"] == 0


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503])
async def test_no_answer_of_a_broken_ledger_is_a_denial(
    ledger: SmallLedger, client: ClientOf, status: int
) -> None:
    entitlements = await client()
    assert (await entitlements.check(7, "email")).code == "exempt"  # the catalog is known
    ledger.failing = status
    decision = await entitlements.check(42, "crm")
    assert (decision.allowed, decision.unavailable) == (False, True)


async def test_an_answer_that_reads_otherwise_than_agreed_is_no_denial(
    ledger: SmallLedger, client: ClientOf
) -> None:
    entitlements = await client()
    ledger.garbled = True
    assert (await entitlements.check(42, "crm")).unavailable


async def test_a_slow_ledger_is_waited_for_only_so_long(
    ledger: SmallLedger, client: ClientOf
) -> None:
    entitlements = await client(timeout_seconds=0.2)
    ledger.held = True
    first = await entitlements.check(42, "crm")
    started = time.monotonic()
    await entitlements.check(43, "crm")
    assert first.unavailable
    assert time.monotonic() - started < 30
    ledger.held = False


async def test_an_unknown_org_is_a_denial_until_it_is_registered(
    ledger: SmallLedger, client: ClientOf
) -> None:
    entitlements = await client()
    assert (await entitlements.check(7, "crm")).denied_by == "unknown_org"
    assert (await entitlements.check(7, "email")).code == "exempt"
    assert (await entitlements.check("../catalog", "crm")).denied_by == "unknown_org"
    ledger.set(7, crm="enabled")
    await comes_true(lambda: entitlements.allowed(7, "crm"), "the registration")


async def test_a_new_catalog_and_a_new_rollout_are_heard_of(
    ledger: SmallLedger, client: ClientOf
) -> None:
    entitlements = await client()
    assert (await entitlements.check(42, "fax")).denied_by == "unknown_key"
    ledger.publish(fax="billable")

    async def fax_is_known() -> bool:
        return (await entitlements.check(42, "fax")).denied_by == "not_granted"

    await comes_true(fax_is_known, "the catalog")
    ledger.roll_out("off")
    await comes_true(lambda: entitlements.allowed(42, "fax"), "the rollout")
    decision = await entitlements.check(42, "fax")
    assert (decision.code, decision.rollout_version) == ("gating_off", 1)


async def test_a_key_that_was_published_while_nothing_was_heard_is_known(
    ledger: SmallLedger, client: ClientOf
) -> None:
    ledger.silent = True
    entitlements = await client(listening=False)
    assert (await entitlements.check(42, "fax")).denied_by == "unknown_key"
    ledger.publish(fax="billable")
    assert (await entitlements.check(42, "fax")).denied_by == "not_granted"


async def test_the_kill_switch_asks_nobody_and_leaves_permissions_alone(
    ledger: SmallLedger, client: ClientOf
) -> None:
    entitlements = await client(gated=False)
    clerk = Principal("u1", org_id=42, permissions=("crm.view",))
    assert (await entitlements.check(42, "manufacturing")).code == "gating_off"
    assert (await entitlements.check(42, "crm", "crm.view", clerk)).allowed
    assert (await entitlements.check(42, "crm", "crm.create", clerk)).denied_by == "permission"
    assert ledger.count(SNAPSHOT) == 0


async def test_both_axes_fail_and_the_entitlement_is_what_is_told(client: ClientOf) -> None:
    entitlements = await client()
    clerk = Principal("u1", org_id=42)
    decision = await entitlements.check(42, "manufacturing", "manufacturing.view", clerk)
    assert (decision.code, decision.denied_by) == ("entitlement_denied", "not_granted")
    assert entitlements.metrics()["entitlement_denied_total"] == 1
    await entitlements.check(42, "crm", "crm.create", clerk)
    assert entitlements.metrics()["permission_denied_total"] == 1


async def test_a_client_that_was_never_started_cannot_tell() -> None:
    entitlements = Entitlements("http://127.0.0.1:9", token="t")
    assert (await entitlements.check(42, "crm")).unavailable


async def test_memory_is_bounded(ledger: SmallLedger, client: ClientOf) -> None:
    entitlements = await client(most_orgs=5)
    for org in range(100, 120):
        ledger.set(org, crm="enabled")
        assert await entitlements.allowed(org, "crm")
    assert len(entitlements._cache) == 5  # noqa: SLF001
