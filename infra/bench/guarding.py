"""What the SDK's guards cost a route, in process and in processor time, beside bare routes."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import HTTPConnection

from entitlements_sdk import Entitlements, Principal
from entitlements_sdk.fastapi import guarded_route, protect, require_entitlement
from entitlements_sdk.jwt import JwtPrincipal
from infra.bench.figures import Figure, Target
from infra.bench.ground import Ground
from infra.bench.known import Known
from infra.bench.rounds import Arm, Sample, arm, in_turns, require
from infra.bench.taken import Taken
from infra.tokens import shared_secret, sign_token

PART = "guard"
_SLICES = 8  # a few microseconds show only in many short rounds
_ORG, _KEY = "42", "crm.lead_management"
_BARE = "bare route"
_NOOP = "no-op async dependency"
_CLASS = "guarded route class"
_DEPENDENCY = "guard as a dependency"
_LOOK_UPS = "two dict look-ups, one clock"
_CHECK = "check, warm"
_CACHED = "verified token, remembered"
_VERIFIED = "token verified anew (HS256)"


async def guard(ground: Ground) -> list[Figure]:
    """Routes by their ASGI app; checks and tokens by themselves. Everything is warm."""
    known = Known(_ORG, [_KEY, "crm"])
    async with Entitlements("http://ledger", token="bench", follower=known, transport=known) as sdk:  # noqa: S106 - no secret
        await known.heard.wait()
        require((await sdk.check(_ORG, _KEY)).allowed, "the org should be entitled")
        beat = asyncio.create_task(known.beat())
        try:
            return [*await _routes(ground, sdk), *await _pieces(ground, sdk)]
        finally:
            beat.cancel()


async def _routes(ground: Ground, sdk: Entitlements) -> list[Figure]:
    principal = Principal("u1", org_id=42)
    app = _app(sdk, lambda connection: principal)
    bare = _app(None, None)
    seconds = ground.sizes.seconds / _SLICES
    arms: dict[str, Arm] = {
        _BARE: arm(_asked, bare, "/bare", seconds=seconds),
        _CLASS: arm(_asked, app, "/class", seconds=seconds),
        _NOOP: arm(_asked, bare, "/noop", seconds=seconds),
        _DEPENDENCY: arm(_asked, app, "/dependency", seconds=seconds),
    }
    rounds = ground.sizes.rounds * _SLICES
    taken = Taken(PART, await in_turns(arms, rounds=rounds, told=ground.told))
    target = Target(of="ratio", sense="at most", bound=1.1)
    return [
        taken.duration(_CLASS, against=_BARE, target=target),
        taken.duration(_DEPENDENCY, against=_NOOP, target=target),
    ]


async def _pieces(ground: Ground, sdk: Entitlements) -> list[Figure]:
    settings = ground.settings_for(ground.new_database())
    token = f"Bearer {sign_token(settings, role='user', org=_ORG)}".encode()
    tokens = JwtPrincipal(
        shared_secret(settings),
        algorithms=["HS256"],
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
    )
    check, principal = sdk.check_at_once, Principal("u1", org_id=42)
    orgs, keys, clock = {_ORG: {_KEY: 1}}, {_KEY: 0}, time.monotonic

    def looked_up() -> bool:
        return orgs[_ORG][_KEY] == 1 and keys[_KEY] == 0 and clock() > 0

    def forgotten() -> object:
        tokens.forget()
        return tokens.of_header(token)

    times = max(200, int(ground.sizes.seconds * 20_000))
    arms: dict[str, Arm] = {
        _LOOK_UPS: arm(_times, looked_up, times=times * 10),
        _CHECK: arm(_times, lambda: check(_ORG, _KEY, None, principal), times=times * 5),
        _VERIFIED: arm(_times, forgotten, times=times),
        _CACHED: arm(_times, lambda: tokens.of_header(token), times=times * 5),
    }
    taken = Taken(PART, await in_turns(arms, rounds=ground.sizes.rounds, told=ground.told))
    return [
        taken.duration(
            _CHECK, against=_LOOK_UPS, target=Target(of="value", sense="at most", bound=2.0)
        ),
        taken.duration(
            _CACHED, against=_VERIFIED, target=Target(of="ratio", sense="at most", bound=0.02)
        ),
    ]


def _app(
    sdk: Entitlements | None, principal: Callable[[HTTPConnection], Principal] | None
) -> FastAPI:
    app = FastAPI()

    async def endpoint() -> dict[str, str]:
        return {"hello": "world"}

    async def noop(connection: HTTPConnection) -> None:
        return None

    # All of them in an included router, as that alone costs something.
    router, fast = APIRouter(), APIRouter(route_class=guarded_route("crm", "lead_management"))
    if sdk is None or principal is None:
        router.get("/bare")(endpoint)
        router.get("/noop", dependencies=[Depends(noop)])(endpoint)
    else:
        fast.get("/class")(endpoint)
        needed = Depends(require_entitlement("crm", "lead_management"))
        router.get("/dependency", dependencies=[needed])(endpoint)
        protect(app, sdk, principal=principal)
    app.include_router(fast)
    app.include_router(router)
    return app


async def _asked(app: FastAPI, path: str, *, seconds: float) -> Sample:
    """As many as take so many seconds of this process alone, whatever else the machine does."""
    started, number = time.process_time(), 0
    while (spent := time.process_time() - started) < seconds:
        for _ in range(50):
            status = await _status(app, path)
            require(status == 200, f"{path} answered {status}")
        number += 50
    return Sample(number, spent)


async def _status(app: FastAPI, path: str) -> int:
    """One request, straight into the app."""
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"erp"), (b"authorization", b"Bearer x")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    return statuses[0]


async def _times(act: Callable[[], object], *, times: int) -> Sample:
    started = time.process_time()
    for _ in range(times):
        act()
    return Sample(times, time.process_time() - started)
