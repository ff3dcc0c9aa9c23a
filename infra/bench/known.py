"""A ledger in memory that says one org is entitled, so that the SDK alone is measured."""

import asyncio
import time
from collections.abc import Sequence

import httpx

from entitlements_sdk.instants import text_of
from entitlements_sdk.ports import Listener


class Known(httpx.AsyncBaseTransport):
    """Answers the SDK's reads, and is the follower that hears of nothing but the time."""

    def __init__(self, org: str, keys: Sequence[str]) -> None:
        self.heard = asyncio.Event()
        self._org = org
        self._keys = keys
        self._listener: Listener | None = None

    async def follow(self, listener: Listener) -> None:
        """Tell the time once; `beat` goes on telling it."""
        self._listener = listener
        listener.told_time(time.time())
        self.heard.set()
        await asyncio.Event().wait()

    async def beat(self) -> None:
        """Heartbeats, for as long as nobody cancels."""
        while True:
            await asyncio.sleep(0.5)
            assert self._listener is not None
            self._listener.told_time(time.time())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The catalog, or the org's snapshot."""
        if request.url.path.endswith("/catalog"):
            keys = {key: {"kind": "billable", "permission": None} for key in self._keys}
            return httpx.Response(200, json={"catalog_version": 1, "keys": keys})
        document = {
            "org_id": int(self._org),
            "org_version": 1,
            "position": 1,
            "ledger_epoch": 1,
            "catalog_version": 1,
            "rollout_version": 0,
            "evaluated_at": text_of(time.time()),
            "next_boundary": text_of(time.time() + 86_400),
            "gating": {"default": "enforce", "modules": {}},
            "states": dict.fromkeys(self._keys, "enabled"),
            "denied_by": {},
        }
        return httpx.Response(200, json=document)
