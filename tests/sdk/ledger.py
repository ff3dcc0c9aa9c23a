"""A small ledger that speaks the SDK's four routes and can be slow, broken, moved or cut off."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from entitlements_sdk.instants import text_of
from tests.sdk.waiting import eventually

KEYS = {
    "crm": "billable",
    "crm.lead_management": "billable",
    "manufacturing": "billable",
    "hr": "billable",
    "email": "always_on",
    "settings": "rbac_only",
}


class SmallLedger:
    """An ASGI app; whoever holds it says what is so, and what is wrong with it.

    `failing` answers every read with that status; `held` lets snapshots wait, `waiting` of them;
    `silent` keeps heartbeats back, `watchable` refuses streams; `cut()` ends them all. Everything
    is looked at every few milliseconds, so that a test may change it from its own thread.
    """

    def __init__(self) -> None:
        self.catalog_version = 3
        self.rollout_version = 0
        self.epoch = 1
        self.position = 100
        self.keys = dict(KEYS)
        self.aliases = {"lead-management": "crm.lead_management"}
        self.gating: dict[str, Any] = {"default": "enforce", "modules": {}}
        self.orgs: dict[str, dict[str, Any]] = {}
        self.boundaries: dict[str, float] = {}
        self.failing: int | None = None
        self.garbled = False
        self.silent = False
        self.watchable = True
        self.held = False
        self.waiting = 0
        self.beat = 0.05
        self.ahead = 0.0  # seconds by which its clock is ahead of this machine's
        self.asked: list[tuple[str, int]] = []
        self.watches: list[str | None] = []
        self.log: list[tuple[int, str, dict[str, Any]]] = []
        self.hydrate: str | None = None
        self._cuts = 0
        self.app = Starlette(
            routes=[
                Route("/api/v1/catalog", self._catalog),
                Route("/api/v1/orgs/{org}/snapshot", self._snapshot),
                Route("/api/v1/watch", self._watch),
            ]
        )

    # What is so.

    def set(self, org: str | int, **states: str) -> int:
        """The org is registered, and its modules are in these states; its new version."""
        known = self.orgs.setdefault(str(org), {"version": 0, "states": {}})
        known["states"] |= states
        known["version"] += 1
        self.tell("org", org_id=org, org_version=known["version"])
        version: int = known["version"]
        return version

    def set_untold(self, org: str | int, **states: str) -> int:
        """The same, but nobody who watches hears of it."""
        before = len(self.log)
        version = self.set(org, **states)
        del self.log[before:]
        return version

    def tell(self, name: str, **told: Any) -> None:
        """An event to everybody who watches."""
        self.position += 1
        self.log.append((self.position, name, told))

    def publish(self, **keys: str) -> None:
        """Another catalog."""
        self.keys |= keys
        self.catalog_version += 1
        self.tell("catalog", catalog_version=self.catalog_version)

    def roll_out(self, default: str) -> None:
        """Another state of the rollout."""
        self.gating = {"default": default, "modules": {}}
        self.rollout_version += 1
        self.tell("rollout", rollout_version=self.rollout_version)

    def now(self) -> float:
        return time.time() + self.ahead

    # What is wrong.

    def cut(self) -> None:
        self._cuts += 1

    def count(self, path: str, status: int | None = None) -> int:
        """How often a path was asked for."""
        return sum(asked == path and status in (None, answered) for asked, answered in self.asked)

    # What is answered.

    async def _answered(self, request: Request, body: dict[str, Any], status: int) -> Response:
        """The document, as it was when the request came."""
        etag = f'"{hash(json.dumps({**body, "evaluated_at": ""}, sort_keys=True)):x}"'
        if self.held and request.url.path.endswith("/snapshot"):
            self.waiting += 1
            await eventually(lambda: not self.held, "the test to let it go")
            self.waiting -= 1
        response: Response
        if self.failing is not None:
            response = JSONResponse({"title": "broken"}, self.failing)
        elif self.garbled:
            response = Response("<html>a proxy's page</html>", 200)
        elif request.headers.get("if-none-match") == etag:
            response = Response(status_code=304)
        else:
            response = JSONResponse(body, status, {"ETag": etag})
        self.asked.append((request.url.path, response.status_code))
        return response

    async def _catalog(self, request: Request) -> Response:
        body = {
            "catalog_version": self.catalog_version,
            "keys": {key: {"kind": kind, "permission": None} for key, kind in self.keys.items()},
            "aliases": self.aliases,
            "role_permissions": {"super_admin": ["*"], "org_admin": ["crm.*"]},
        }
        return await self._answered(request, body, 200)

    async def _snapshot(self, request: Request) -> Response:
        org = request.path_params["org"]
        versions = {
            "catalog_version": self.catalog_version,
            "rollout_version": self.rollout_version,
            "evaluated_at": text_of(self.now()),
            "gating": self.gating,
        }
        known = self.orgs.get(org)
        if known is None:
            return await self._answered(request, {"code": "unknown_org", **versions}, 404)
        return await self._answered(request, self.document(org) | versions, 200)

    def document(self, org: str) -> dict[str, Any]:
        """The snapshot of an org."""
        known = self.orgs[org]
        states, denied_by = {}, {}
        for key, kind in self.keys.items():
            module = key.partition(".")[0]
            state = known["states"].get(module, "disabled" if kind == "billable" else "enabled")
            states[key] = state
            if state == "disabled":
                denied_by[key] = "not_granted" if module == key else "parent_disabled"
        boundary = self.boundaries.get(org)
        return {
            "org_id": int(org) if org.isdigit() else org,
            "org_version": known["version"],
            "position": self.position,
            "ledger_epoch": self.epoch,
            "next_boundary": None if boundary is None else text_of(boundary),
            "states": states,
            "denied_by": denied_by,
        }

    async def _watch(self, request: Request) -> Response:
        last = request.headers.get("last-event-id")
        self.watches.append(last)
        if not self.watchable:
            return JSONResponse({"title": "not for you"}, 403)
        since = self.position if last is None else int(last)
        return StreamingResponse(self._events(since), media_type="text/event-stream")

    async def _events(self, since: int) -> AsyncIterator[str]:
        cuts = self._cuts
        if self.hydrate is not None:
            reason, self.hydrate, since = self.hydrate, None, self.position
            yield _event("hydrate", self.position, self._place() | {"reason": reason})
        while cuts == self._cuts:
            for position, name, told in [each for each in self.log if each[0] > since]:
                since = position
                place = {"position": position, "ledger_epoch": self.epoch}
                yield _event(name, position, told | place)
            if not self.silent:
                now = {"ledger_time": text_of(self.now())}
                yield _event("heartbeat", since, self._place() | now)
            await asyncio.sleep(self.beat)

    def _place(self) -> dict[str, Any]:
        return {"position": self.position, "ledger_epoch": self.epoch}


def _event(name: str, position: int, told: dict[str, Any]) -> str:
    return f"id: {position}\nevent: {name}\ndata: {json.dumps(told)}\n\n"
