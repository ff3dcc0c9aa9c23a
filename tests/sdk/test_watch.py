"""Following `/watch`: taken up where it broke off, started over where that cannot be."""

import pytest

from entitlements_sdk import Entitlements
from entitlements_sdk.sse import Event, EventLines
from tests.sdk.conftest import ClientOf
from tests.sdk.ledger import SmallLedger
from tests.sdk.waiting import comes_true, eventually

pytestmark = pytest.mark.anyio
SNAPSHOT = "/api/v1/orgs/42/snapshot"


async def until_denied(entitlements: Entitlements) -> None:
    """Ask until the org is denied CRM."""

    async def denied() -> bool:
        return (await entitlements.check(42, "crm")).denied_by is not None

    await comes_true(denied, "the revocation")


async def test_a_cut_stream_is_taken_up_with_the_last_id(
    ledger: SmallLedger, client: ClientOf
) -> None:
    """What happened meanwhile is heard, and what did not is still in memory."""
    entitlements = await client()
    ledger.set(7, crm="enabled")
    assert await entitlements.allowed(7, "crm")
    assert await entitlements.allowed(42, "crm")
    ledger.cut()
    ledger.set(42, crm="disabled")
    await until_denied(entitlements)
    await eventually(lambda: len(ledger.watches) == 2, "a second stream")
    assert ledger.watches[0] is None
    assert int(ledger.watches[1] or 0) >= 100
    assert await entitlements.allowed(7, "crm")
    assert ledger.count("/api/v1/orgs/7/snapshot") == 1


async def test_hydration_forgets_everything(ledger: SmallLedger, client: ClientOf) -> None:
    """The log since the last id is gone, so whatever is in memory may be outdated."""
    entitlements = await client()
    assert await entitlements.allowed(42, "crm")
    ledger.set_untold(42, crm="disabled")
    ledger.hydrate = "too_old"
    ledger.cut()
    await until_denied(entitlements)


async def test_another_epoch_forgets_everything(ledger: SmallLedger, client: ClientOf) -> None:
    """A backup was restored: versions start again from lower ones."""
    entitlements = await client()
    ledger.set(42, crm="enabled")
    ledger.set(42, crm="enabled")
    await eventually(lambda: entitlements.listening, "a heartbeat")
    assert await entitlements.allowed(42, "crm")
    ledger.log.clear()
    ledger.orgs["42"] = {"version": 1, "states": {"crm": "disabled"}}
    ledger.epoch += 1
    await until_denied(entitlements)


async def test_boundaries_are_on_the_ledgers_clock(ledger: SmallLedger, client: ClientOf) -> None:
    """A trial that ends an hour ahead of this machine's clock is over when the ledger says so."""
    ledger.set(42, crm="trial")
    ledger.boundaries["42"] = ledger.now() + 3600
    entitlements = await client()
    assert (await entitlements.check(42, "crm")).status == "trial"
    before = ledger.count(SNAPSHOT)
    assert (await entitlements.check(42, "crm")).status == "trial"
    assert ledger.count(SNAPSHOT) == before
    ledger.set_untold(42, crm="disabled")
    ledger.ahead = 3600.0
    await until_denied(entitlements)


async def test_a_follower_that_is_refused_leaves_every_check_to_the_ledger(
    ledger: SmallLedger, client: ClientOf
) -> None:
    """A token that may not watch is slow, and right."""
    ledger.watchable = False
    entitlements = await client(listening=False)
    await eventually(lambda: ledger.watches, "an attempt")
    assert await entitlements.allowed(42, "crm")
    ledger.set(42, crm="disabled")
    assert not await entitlements.allowed(42, "crm")
    assert not entitlements.listening


def _event(data: str, last_id: str | None = None) -> Event:
    return Event("message", data, last_id)


@pytest.mark.parametrize(
    ("lines", "events"),
    [
        (["id: 7", "event: org", "data: {}", ""], [Event("org", "{}", "7")]),
        (["data:a", "data: b", ""], [_event("a\nb")]),
        ([": a comment", "", "event: org", "", "data: x", ""], [_event("x")]),
        (["id: 7", "data", "", "data: y", ""], [_event("", "7"), _event("y", "7")]),
        (["retry: 10", "data: x", ""], [_event("x")]),
    ],
)
async def test_events_are_put_together_from_lines(lines: list[str], events: list[Event]) -> None:
    reading = EventLines()
    found = [event for line in lines if (event := reading.feed(line)) is not None]
    assert found == events
