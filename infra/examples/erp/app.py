"""The toy ERP's routes; each guard is attached in the way that suits its module."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import HTTPConnection

from entitlements_sdk import Principal
from entitlements_sdk.fastapi import (
    caller,
    chosen_org,
    exempt,
    guarded_route,
    protect,
    require_entitlement,
    require_permission_with_entitlement,
)
from entitlements_sdk.fastapi.resolving import PrincipalOf
from entitlements_sdk.ports import Client

MENU: Mapping[str, str] = {
    "crm": "CRM",
    "crm.lead_management": "Leads",
    "erp": "ERP",
    "manufacturing": "Manufacturing",
    "hr": "HR",
    "email": "Email",
    "settings": "Settings",
}
_BADGES = {"trial": "Trial"}

crm = APIRouter(prefix="/crm", tags=["crm"])
manufacturing = APIRouter(
    prefix="/manufacturing", tags=["manufacturing"], route_class=guarded_route("manufacturing")
)
erp = APIRouter(prefix="/erp", tags=["erp"], dependencies=[Depends(require_entitlement("erp"))])
email = APIRouter(prefix="/email", tags=["email"], route_class=guarded_route("email"))
settings = APIRouter(
    prefix="/settings",
    tags=["settings"],
    route_class=guarded_route("settings", permission="settings.view"),
)


@crm.get("/leads", dependencies=[Depends(require_entitlement("crm", "lead_management"))])
async def leads() -> list[str]:
    """What an org with CRM may read."""
    return ["Ada", "Grace"]


@crm.post(
    "/leads",
    status_code=201,
    dependencies=[Depends(require_permission_with_entitlement("crm", "crm.create"))],
)
async def new_lead() -> dict[str, str]:
    """What somebody in such an org needs a permission for."""
    return {"lead": "Edsger"}


@manufacturing.get("/work-orders")
async def work_orders() -> list[int]:
    """What an org may read for as long as its trial runs."""
    return [4711]


@erp.get("/vendors")
async def vendors() -> list[str]:
    """What comes with the ERP bundle."""
    return ["Acme"]


@email.get("/messages")
async def messages() -> list[str]:
    """Always on."""
    return ["Welcome"]


@settings.get("/general")
async def general_settings() -> dict[str, str]:
    """A matter of permissions alone."""
    return {"currency": "EUR"}


@exempt("asked by the load balancer; says nothing about anybody")
async def health() -> dict[str, str]:
    """Whether the process runs."""
    return {"status": "up"}


def service(entitlements: Client, *, principal: PrincipalOf) -> FastAPI:
    """The service; what it is entitled by and how it tells its callers are the deployment's."""
    app = FastAPI(title="Toy ERP")

    @app.get("/menu")
    @exempt("shows what is locked, too; needs no more than a token")
    async def menu(
        connection: HTTPConnection, who: Annotated[Principal, Depends(caller)]
    ) -> list[dict[str, Any]]:
        org = chosen_org(connection, who) or ""
        return [await _item(entitlements, org, key, who) for key in MENU]

    app.get("/healthz")(health)
    for router in (crm, manufacturing, erp, email, settings):
        app.include_router(router)
    protect(app, entitlements, principal=principal)
    return app


async def _item(entitlements: Client, org: str, key: str, who: Principal) -> dict[str, Any]:
    decision = await entitlements.check(org, key, None, who)
    return {
        "key": key,
        "title": MENU[key],
        "open": decision.allowed,
        "badge": _BADGES.get(decision.status) if decision.allowed else None,
        "why_not": None if decision.allowed else decision.reason,
    }
