"""News that arrive between an answer and whoever waits for it."""

import asyncio
from typing import Any

import httpx
import pytest

from entitlements_sdk import Entitlements
from tests.sdk.fakes import Told
from tests.sdk.ledger import SmallLedger

pytestmark = pytest.mark.anyio


class Overtaken(httpx.AsyncBaseTransport):
    """Answers for a small ledger; the news of a revocation come a moment after the first answer."""

    def __init__(self, ledger: SmallLedger, told: Told) -> None:
        self.ledger = ledger
        self.told = told
        self.answers = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/catalog"):
            keys: dict[str, Any] = {"crm": {"kind": "billable", "permission": None}}
            return httpx.Response(200, json={"catalog_version": 3, "keys": keys})
        document = self.ledger.document("42") | {
            "catalog_version": 3,
            "rollout_version": 0,
            "evaluated_at": "2026-01-31T12:00:00.000000Z",
            "gating": {"default": "enforce", "modules": {}},
        }
        self.answers += 1
        if self.answers == 1:
            version = self.ledger.set(42, crm="disabled")
            ears = await self.told.ears()
            asyncio.get_running_loop().call_soon(ears.moved, "42", version)
        return httpx.Response(200, json=document)


async def test_an_answer_that_news_overtake_on_the_last_metre_is_not_served() -> None:
    """It was taken in, and is outdated before the one who asked has it."""
    told, ledger = Told(), SmallLedger()
    ledger.set(42, crm="enabled")
    transport = Overtaken(ledger, told)
    async with Entitlements("http://l", token="t", follower=told, transport=transport) as sdk:
        (await told.ears()).told_time(1_769_860_800.0)
        assert (await sdk.check(42, "crm")).denied_by == "not_granted"
    assert transport.answers == 2
