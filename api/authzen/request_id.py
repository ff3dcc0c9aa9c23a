"""Whatever AuthZEN's routes answer carries the `X-Request-ID` of the question."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.authzen.failures import PREFIX
from api.authzen.paths import WELL_KNOWN

_NAME = b"x-request-id"


class RequestIds:
    """ASGI middleware; it goes around whatever may answer in the place of a route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sent = _sent(scope)
        if sent is None:
            await self._app(scope, receive, send)
            return

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (_NAME, sent)]}
            await send(message)

        await self._app(scope, receive, named)


def _sent(scope: Scope) -> bytes | None:
    if scope["type"] != "http" or not scope["path"].startswith((PREFIX, WELL_KNOWN)):
        return None
    return next((value for name, value in scope["headers"] if name == _NAME), None)
