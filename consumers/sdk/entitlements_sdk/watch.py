"""Follows the ledger's `/watch`: Server-Sent Events, taken up again where they broke off."""

import asyncio
import json
import logging
from collections.abc import Mapping
from random import uniform
from typing import Any

import httpx

from entitlements_sdk.instants import seconds_of
from entitlements_sdk.ledger import API, Ledger
from entitlements_sdk.org_ids import org_id
from entitlements_sdk.ports import Listener
from entitlements_sdk.refusals import OutOfReach
from entitlements_sdk.sse import Event, EventLines

_SILENT_FOR = 5.0  # seconds without as much as a heartbeat: the connection is dead
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_log = logging.getLogger("entitlements_sdk")


class Broken(Exception):
    """The stream cannot be gone on with."""


class Watch:
    """A follower over HTTP; it needs a token of a super admin or of a service held to no org."""

    def __init__(self, ledger: Ledger, *, first_pause_seconds: float = _FIRST_PAUSE) -> None:
        self._ledger = ledger
        self._first_pause = first_pause_seconds
        self._last_id: str | None = None
        self._epoch: int | None = None
        self._failures = 0

    async def follow(self, listener: Listener) -> None:
        """See `Follower.follow`."""
        while True:
            try:
                await self._read(listener)
                why = "the ledger ended the stream"
            except (httpx.HTTPError, httpx.InvalidURL, OutOfReach, Broken) as error:
                why = repr(error)
            pause = min(_LONGEST_PAUSE, self._first_pause * 2.0**self._failures)
            # Once is a restart somewhere; twice in a row is worth knowing.
            level = logging.WARNING if self._failures == 1 else logging.DEBUG
            _log.log(level, "not following the ledger at the moment: %s", why)
            self._failures = min(self._failures + 1, 16)
            await asyncio.sleep(pause * uniform(0.5, 1.0))  # noqa: S311 - spreads load

    async def _read(self, listener: Listener) -> None:
        headers = {**self._ledger.headers(), "Accept": "text/event-stream"}
        if self._last_id is not None:
            headers["Last-Event-ID"] = self._last_id
        timeout = httpx.Timeout(_SILENT_FOR)
        watch = f"{API}/watch"
        async with self._ledger.http.stream("GET", watch, headers=headers, timeout=timeout) as got:
            if got.status_code != httpx.codes.OK:
                raise Broken(f"GET {watch} answered {got.status_code}")
            lines = EventLines()
            async for line in got.aiter_lines():
                event = lines.feed(line)
                if event is not None:
                    self._heard(event, listener)

    def _heard(self, event: Event, listener: Listener) -> None:
        try:
            told = json.loads(event.data)
            epoch = int(told["ledger_epoch"])
            if self._last_id is None or epoch != self._epoch or event.name == "hydrate":
                self._epoch = epoch
                listener.start_over()
            _tell(event.name, told, listener)
            self._last_id = event.id or str(told["position"])
        except (ValueError, KeyError, TypeError) as error:
            # To skip it might be to miss a revocation.
            self._last_id = None
            raise Broken(f"an event is not what was agreed: {error!r}") from error
        self._failures = 0


def _tell(name: str, told: Mapping[str, Any], listener: Listener) -> None:
    """Pass one event on; kinds that a newer ledger invents say nothing to us."""
    match name:
        case "org":
            listener.moved(org_id(told["org_id"]), int(told["org_version"]))
        case "catalog":
            listener.catalog_moved(int(told["catalog_version"]))
        case "rollout":
            listener.rollout_moved(int(told["rollout_version"]))
        case "heartbeat" | "checkpoint":
            listener.told_time(seconds_of(told["ledger_time"]))
