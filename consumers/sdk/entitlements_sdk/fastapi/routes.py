"""The guards as route classes: the fast form, before the body is read or a dependency is run."""

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from entitlements_sdk.catalog import joined
from entitlements_sdk.fastapi.guards import Guard


class GuardedRoute(APIRoute):
    """A route behind `guard`.

    It overrides `get_route_handler`, which FastAPI asks again for every router that includes the
    route. An overridden `app` would be left out there, and the door would stand open.
    """

    guard: ClassVar[Guard]

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        admit = self.guard.admit

        async def guarded(request: Request) -> Response:
            await admit(request)
            return await handle(request)

        return guarded


def guarded_route(
    module: str,
    submodule: str | None = None,
    *,
    permission: str | None = None,
    allow_bypass: bool = True,
) -> type[GuardedRoute]:
    """A route class for `APIRouter(route_class=...)`; it guards HTTP routes, not WebSockets.

    crm = APIRouter(prefix="/crm", route_class=guarded_route("crm", permission="crm.view"))
    """
    guard = Guard(joined(module, submodule), permission, allow_bypass=allow_bypass)
    return type("GuardedRoute", (GuardedRoute,), {"guard": guard})
