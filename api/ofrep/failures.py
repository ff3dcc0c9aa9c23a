"""Errors as OFREP's clients read them: a code of theirs, and always a sentence."""

import json
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from domain.refusals import Unacceptable

PREFIX = "/ofrep/"
FLAGS = "/ofrep/v1/evaluate/flags/"
_CODES = {
    "malformed_json": "PARSE_ERROR",
    "invalid_request": "PARSE_ERROR",
    "invalid_context": "INVALID_CONTEXT",
    "invalid_org_id": "INVALID_CONTEXT",
    "targeting_key_missing": "TARGETING_KEY_MISSING",
    "unknown_key": "FLAG_NOT_FOUND",
}


class TargetingKeyMissing(Unacceptable):
    """The context does not say whom the flags are for."""

    code = "targeting_key_missing"

    def __init__(self) -> None:
        super().__init__(
            "'context.targetingKey' must be the organisation, or a user with 'context.org_id'."
        )


class InvalidContext(Unacceptable):
    """The context is there, and cannot be understood."""

    code = "invalid_context"


def failure(
    request: Request, status: int, *, code: str, detail: str, headers: Mapping[str, str] | None
) -> Response:
    """The body of an error on these routes."""
    if code == "unknown_key":
        status = 404
    elif status == 422:
        status = 400
    if code == "invalid_request" and "body.context" in detail:
        code = InvalidContext.code
    path = request.url.path
    body = {"key": path.removeprefix(FLAGS)} if path.startswith(FLAGS) else {}
    body |= {"errorCode": _CODES.get(code, "GENERAL"), "errorDetails": detail}
    return Response(
        json.dumps(body),  # in ASCII: half a surrogate pair may have been sent
        status_code=status,
        headers=dict(headers or {}),
        media_type="application/json",
    )
