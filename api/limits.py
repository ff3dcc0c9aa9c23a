"""No body larger than 1 MiB gets in, whether it announces its length or not; a batch may be 8."""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import answer

LARGEST_BODY = 1 << 20  # bytes
LARGEST_BATCH = 8 << 20  # 10,000 rows with a long reason in most of them
LARGER: Mapping[str, int] = {"/api/v1/commands/bulk": LARGEST_BATCH}


class BodyLimit:
    """ASGI middleware that answers 413 to a request whose body is too large."""

    def __init__(self, app: ASGIApp, *, largest: int = LARGEST_BODY) -> None:
        self._app = app
        self._largest = largest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        largest = LARGER.get(scope["path"], self._largest)
        sentence = f"A body may have {largest} bytes at most; nothing was changed."
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdigit() and int(announced) > largest:
            refusal = answer(Request(scope), 413, code="body_too_large", detail=sentence)
            await refusal(scope, receive, send)
            return
        arrived = 0

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > largest:
                raise HTTPException(413, sentence)
            return message

        await self._app(scope, counted, send)
