"""Browsers of any origin may evaluate flags: they prove themselves by token, never by cookie."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from api.ofrep.failures import PREFIX


class FlagCors:
    """ASGI middleware that speaks CORS on the routes of OFREP and nowhere else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._shared = CORSMiddleware(
            app,
            allow_origins=["*"],
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "If-None-Match", "Last-Event-ID"],
            expose_headers=["ETag", "Retry-After"],
            max_age=3600,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        spoken = scope["type"] == "http" and scope["path"].startswith(PREFIX)
        await (self._shared if spoken else self._app)(scope, receive, send)
