"""Errors of AuthZEN: a status and a sentence. A denial is none of them."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

PREFIX = "/access/v1/"


def failure(
    request: Request, status: int, *, code: str, detail: str, headers: Mapping[str, str] | None
) -> Response:
    """The error's sentence as text; whatever is malformed in any way is a 400."""
    return Response(
        detail.encode(errors="replace"),
        status_code=400 if status == 422 else status,
        headers=dict(headers or {}),
        media_type="text/plain; charset=utf-8",
    )
