"""Every way of attaching a guard keeps out whoever has no token, no entitlement, or no permission.

An attachment that is silently ignored would leave the door open, so each of them is tried.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from starlette.requests import HTTPConnection
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from entitlements_sdk import CannotTell, FakeEntitlements, Principal, Unauthenticated, UnknownKeys
from entitlements_sdk.fastapi import (
    bearer_token,
    caller,
    guarded_route,
    protect,
    require_entitlement,
    require_permission_with_entitlement,
)

pytestmark = pytest.mark.anyio

CRM = require_entitlement("crm", "lead_management")
MAY_CREATE = require_permission_with_entitlement("crm", "crm.create")
FAST = guarded_route("crm", "lead_management")
FAST_MAY_CREATE = guarded_route("crm", permission="crm.create")

TOKENS = {
    "entitled": Principal("u1", org_id=42, permissions=("crm.*",)),
    "not-permitted": Principal("u2", org_id=42),
    "not-entitled": Principal("u3", org_id=7, permissions=("crm.*",)),
    "nobody-knows": Principal("u4", org_id=13, permissions=("crm.*",)),
    "super": Principal("s1", role="super_admin"),
}


async def leads() -> dict[str, str]:
    """The endpoint: whoever gets here was let through."""
    return {"leads": "all of them"}


def who(connection: HTTPConnection) -> Principal | None:
    """The principal that a made-up token stands for."""
    token = bearer_token(connection)
    if token == "issuer-away":
        raise CannotTell("the issuer is away")
    if token is not None and token not in TOKENS:
        raise Unauthenticated("the token was refused")
    return TOKENS.get(token or "")


def by_decorator(app: FastAPI, guard: Any, fast: Any) -> None:
    app.get("/leads", dependencies=[Depends(guard)])(leads)


def by_parameter(app: FastAPI, guard: Any, fast: Any) -> None:
    async def endpoint(decision: Annotated[Any, Depends(guard)]) -> dict[str, str]:
        assert decision.allowed
        return await leads()

    app.get("/leads")(endpoint)


def by_sub_dependency(app: FastAPI, guard: Any, fast: Any) -> None:
    async def numbers(decision: Annotated[Any, Depends(guard)]) -> int:
        return 1

    async def endpoint(number: Annotated[int, Depends(numbers)]) -> dict[str, str]:
        return await leads()

    app.get("/leads")(endpoint)


def by_router(app: FastAPI, guard: Any, fast: Any) -> None:
    router = APIRouter(dependencies=[Depends(guard)])
    router.get("/leads")(leads)
    app.include_router(router)


def by_include(app: FastAPI, guard: Any, fast: Any) -> None:
    router = APIRouter()
    router.get("/leads")(leads)
    app.include_router(router, dependencies=[Depends(guard)])


def by_outer_include(app: FastAPI, guard: Any, fast: Any) -> None:
    inner, outer = APIRouter(), APIRouter()
    inner.get("/leads")(leads)
    outer.include_router(inner)
    app.include_router(outer, dependencies=[Depends(guard)])


def by_app(app: FastAPI, guard: Any, fast: Any) -> None:
    app.router.dependencies.append(Depends(guard))
    app.get("/leads")(leads)


def by_route_class(app: FastAPI, guard: Any, fast: Any) -> None:
    app.router.route_class = fast
    app.get("/leads")(leads)


def by_route_class_included(app: FastAPI, guard: Any, fast: Any) -> None:
    router = APIRouter(route_class=fast)
    router.get("/leads")(leads)
    app.include_router(router)


def by_route_class_included_twice(app: FastAPI, guard: Any, fast: Any) -> None:
    inner, outer = APIRouter(route_class=fast), APIRouter()
    inner.get("/leads")(leads)
    outer.include_router(inner)
    app.include_router(outer)


def by_route_class_with_dependencies(app: FastAPI, guard: Any, fast: Any) -> None:
    router = APIRouter(route_class=fast)
    router.get("/leads")(leads)
    app.include_router(router, dependencies=[Depends(caller)])


def by_mounted_app(app: FastAPI, guard: Any, fast: Any) -> None:
    mounted = FastAPI(dependencies=[Depends(guard)])
    mounted.get("/leads")(leads)
    app.mount("/", mounted)


def by_mounted_route_class(app: FastAPI, guard: Any, fast: Any) -> None:
    mounted, router = FastAPI(), APIRouter(route_class=fast)
    router.get("/leads")(leads)
    mounted.include_router(router)
    app.mount("/", mounted)


ATTACHMENTS = [
    by_decorator,
    by_parameter,
    by_sub_dependency,
    by_router,
    by_include,
    by_outer_include,
    by_app,
    by_route_class,
    by_route_class_included,
    by_route_class_included_twice,
    by_route_class_with_dependencies,
    by_mounted_app,
    by_mounted_route_class,
]
Attachment = Callable[[FastAPI, Any, Any], None]


def entitlements() -> FakeEntitlements:
    fake = FakeEntitlements(keys=["crm", "crm.lead_management"], exempt=["email"])
    return fake.grant(42, "crm")


@asynccontextmanager
async def asking(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app, started as a server would."""
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://erp") as asking,
    ):
        yield asking


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("attach", ATTACHMENTS, ids=lambda attach: attach.__name__)
async def test_every_attachment_of_an_entitlement_guards(attach: Attachment) -> None:
    app, fake = FastAPI(), entitlements()
    attach(app, CRM, FAST)
    protect(app, fake, principal=who)
    async with asking(app) as client:
        assert (await client.get("/leads")).status_code == 401
        assert (await client.get("/leads", headers=bearer("stolen"))).status_code == 401
        assert (await client.get("/leads", headers=bearer("issuer-away"))).status_code == 503
        denied = await client.get("/leads", headers=bearer("not-entitled"))
        assert denied.status_code == 403
        assert denied.json()["detail"]["error_type"] == "entitlement_denied"
        for token in ("entitled", "not-permitted"):
            allowed = await client.get("/leads", headers=bearer(token))
            assert (allowed.status_code, allowed.json()) == (200, {"leads": "all of them"})
        fake.lose_the_ledger()
        away = await client.get("/leads", headers=bearer("entitled"))
        assert away.status_code == 503
        assert int(away.headers["retry-after"]) >= 1
        assert away.json()["detail"]["code"] == "entitlement_unavailable"


@pytest.mark.parametrize("attach", ATTACHMENTS, ids=lambda attach: attach.__name__)
async def test_every_attachment_of_a_permission_guards(attach: Attachment) -> None:
    app = FastAPI()
    attach(app, MAY_CREATE, FAST_MAY_CREATE)
    protect(app, entitlements(), principal=who)
    async with asking(app) as client:
        assert (await client.get("/leads")).status_code == 401
        denied = await client.get("/leads", headers=bearer("not-permitted"))
        assert denied.status_code == 403
        assert denied.json()["detail"]["error_type"] == "permission_denied"
        both = await client.get("/leads", headers=bearer("not-entitled"))
        assert both.json()["detail"]["error_type"] == "entitlement_denied"
        assert (await client.get("/leads", headers=bearer("entitled"))).status_code == 200


@pytest.mark.parametrize("attach", ATTACHMENTS, ids=lambda attach: attach.__name__)
async def test_an_app_that_was_not_protected_lets_nobody_in(attach: Attachment) -> None:
    """Forgetting `protect` closes the door; it must not open it."""
    app = FastAPI()
    attach(app, CRM, FAST)
    async with asking(app) as client:
        for headers in ({}, bearer("entitled")):
            assert (await client.get("/leads", headers=headers)).status_code == 503


@pytest.mark.parametrize("attach", ATTACHMENTS, ids=lambda attach: attach.__name__)
async def test_a_process_with_an_unknown_guarded_key_does_not_start(attach: Attachment) -> None:
    """Case 25: it says which key, where it is asked for, and what was meant."""
    app = FastAPI()
    attach(app, require_entitlement("crn"), guarded_route("crn"))
    protect(app, entitlements(), principal=who)
    with pytest.raises(UnknownKeys, match=r"'crn' in GET .*/leads; did you mean 'crm'"):
        async with asking(app):
            pass


async def test_the_bodies_are_those_of_the_contract_in_their_order() -> None:
    app = FastAPI()
    app.get("/leads", dependencies=[Depends(CRM)])(leads)
    app.post("/leads", dependencies=[Depends(MAY_CREATE)])(leads)
    fake = entitlements().deny(7, "crm", denied_by="trial_expired")
    protect(app, fake, principal=who)
    async with asking(app) as client:
        denied = await client.get("/leads", headers=bearer("not-entitled"))
        lacking = await client.post("/leads", headers=bearer("not-permitted"))
    detail = json.loads(denied.text)["detail"]
    reason = "The trial has ended."
    assert list(detail.items())[:6] == [
        ("error_type", "entitlement_denied"),
        ("module_key", "crm"),
        ("submodule_key", "lead_management"),
        ("status", "trial_expired"),
        ("reason", reason),
        ("message", f"Organization does not have access to module 'crm'. {reason}"),
    ]
    assert {"code", "decision_id", "org_version", "evaluated_at"} <= set(detail)
    detail = json.loads(lacking.text)["detail"]
    reason = "Neither the caller nor the caller's role has it."
    assert list(detail.items())[:4] == [
        ("error_type", "permission_denied"),
        ("permission", "crm.create"),
        ("reason", reason),
        ("message", f"User does not have required permission 'crm.create'. {reason}"),
    ]


async def test_staff_name_the_org_and_nobody_else_does() -> None:
    app = FastAPI()
    app.get("/leads", dependencies=[Depends(CRM)])(leads)
    app.get("/email", dependencies=[Depends(require_entitlement("email"))])(leads)
    protect(app, entitlements(), principal=who)
    async with asking(app) as client:
        named = {"X-Org-Id": "42"}
        staff = await client.get("/leads", headers=bearer("super") | named)
        assert staff.status_code == 200
        assert (await client.get("/email", headers=bearer("super"))).status_code == 200
        nameless = await client.get("/leads", headers=bearer("super"))
        assert nameless.status_code == 400
        assert nameless.json()["detail"]["code"] == "org_not_named"
        assert "X-Org-Id" in nameless.json()["detail"]["message"]
        stranger = await client.get("/leads", headers=bearer("not-entitled") | named)
        assert stranger.json()["detail"]["denied_by"] == "not_granted"


async def test_another_orgs_data_is_out_of_reach_however_the_org_is_chosen() -> None:
    app = FastAPI()
    app.get("/orgs/{org}/leads", dependencies=[Depends(CRM)])(leads)
    protect(app, entitlements(), principal=who, org=lambda request, _: request.path_params["org"])
    async with asking(app) as client:
        assert (await client.get("/orgs/42/leads", headers=bearer("entitled"))).status_code == 200
        denied = await client.get("/orgs/42/leads", headers=bearer("not-entitled"))
    assert (denied.status_code, denied.json()["detail"]["code"]) == (403, "org_mismatch")


async def test_the_fast_form_denies_before_the_body_is_read() -> None:
    app, router = FastAPI(), APIRouter(route_class=FAST)
    router.post("/leads")(leads)
    app.include_router(router)
    protect(app, entitlements(), principal=who)

    read: list[str] = []

    async def body() -> AsyncIterator[bytes]:
        read.append("the body")
        yield b"{}"

    async with asking(app) as client:
        assert (await client.post("/leads", content=body())).status_code == 401
    assert read == []


async def test_a_request_finds_out_once_who_asks() -> None:
    asked: list[str] = []

    async def counted(connection: HTTPConnection) -> Principal | None:
        asked.append(connection.url.path)
        return who(connection)

    app, router = FastAPI(), APIRouter(route_class=FAST, dependencies=[Depends(MAY_CREATE)])

    @router.get("/me")
    async def me(principal: Annotated[Principal, Depends(caller)]) -> str:
        return principal.sub

    app.include_router(router)
    protect(app, entitlements(), principal=counted)
    async with asking(app) as client:
        assert (await client.get("/me", headers=bearer("entitled"))).json() == "u1"
    assert asked == ["/me"]


def test_a_websocket_is_guarded_before_it_opens() -> None:
    """A dependency guards it, too; denied is a policy violation, unknown is "try again later"."""
    app, fake = FastAPI(), entitlements()

    @app.websocket("/live", dependencies=[Depends(CRM)])
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("open")
        await socket.close()

    protect(app, fake, principal=who)
    with TestClient(app) as client:

        def closed(headers: dict[str, str]) -> int:
            connecting = client.websocket_connect("/live", headers=headers)
            with pytest.raises(WebSocketDisconnect) as refused, connecting:
                pass
            return refused.value.code

        assert closed({}) == 1008
        assert closed(bearer("not-entitled")) == 1008
        with client.websocket_connect("/live", headers=bearer("entitled")) as socket:
            assert socket.receive_text() == "open"
        fake.lose_the_ledger()
        assert closed(bearer("entitled")) == 1013
