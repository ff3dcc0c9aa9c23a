"""An app with routes of every kind, as `entitlements-sdk coverage` is pointed at."""

from fastapi import APIRouter, Depends, FastAPI, WebSocket
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from entitlements_sdk.fastapi import exempt, guarded_route, require_entitlement


async def endpoint() -> str:
    """Anything."""
    return "here"


@exempt("asked by the load balancer")
async def health() -> str:
    """Nothing to guard."""
    return "well"


async def live(socket: WebSocket) -> None:
    """A WebSocket below a guarded route class, which does not guard it."""
    await socket.accept()


def covered(*, leaky: bool = True) -> FastAPI:
    """The app; unless `leaky`, without the routes that have neither guard nor reason."""
    app = FastAPI()
    crm = APIRouter(prefix="/crm", route_class=guarded_route("crm", permission="crm.view"))
    crm.get("/leads")(endpoint)
    crm.get("/hidden", include_in_schema=False)(endpoint)
    outer = APIRouter(prefix="/v1")
    outer.include_router(crm)
    app.include_router(outer)
    app.get("/email", dependencies=[Depends(require_entitlement("email"))])(endpoint)
    app.get("/healthz")(health)
    mounted = FastAPI(dependencies=[Depends(require_entitlement("hr"))])
    mounted.post("/people")(endpoint)
    app.mount("/hr", mounted)
    if leaky:
        _leaks(app, crm, mounted)
    return app


def _leaks(app: FastAPI, crm: APIRouter, mounted: FastAPI) -> None:
    async def plain(request: object) -> PlainTextResponse:
        return PlainTextResponse("not of FastAPI, so no dependency guards it")

    crm.websocket("/live")(live)
    app.get("/open")(endpoint)
    app.get("/secret", include_in_schema=False)(endpoint)
    app.router.routes.append(Route("/plain", plain))
    mounted.router.routes.append(Route("/plain", plain))
    app.mount("/files", PlainTextResponse("files"))


app = covered()
tight = covered(leaky=False)
