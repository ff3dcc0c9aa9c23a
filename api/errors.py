"""The only place that knows HTTP status codes: refusals in, bodies out.

The seed's routes answer `{"detail": ...}`; all others answer RFC 9457 problems. Both carry a
stable `code`, a sentence, a hint where there is one, and the facts of the refusal.
"""

import re
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, TypeAdapter
from starlette.exceptions import HTTPException

from api.authzen.failures import PREFIX as AUTHZEN
from api.authzen.failures import failure as authzen_failure
from api.documents import Detail
from api.identity import Unauthenticated
from api.ofrep.documents import Failure
from api.ofrep.failures import PREFIX as OFREP
from api.ofrep.failures import failure as ofrep_failure
from domain.refusals import (
    Absent,
    Contradicted,
    NotPermitted,
    Refusal,
    Unacceptable,
    Unavailable,
    VersionMoved,
)

_STATUS: dict[type[Refusal], int] = {
    Unacceptable: 422,
    Absent: 404,
    Contradicted: 409,
    VersionMoved: 412,
    NotPermitted: 403,
    Unavailable: 503,
}
_TITLES = {
    400: "Malformed request",
    401: "Not authenticated",
    403: "Not permitted",
    404: "Not found",
    405: "Method not allowed",
    409: "Contradicted by the present state",
    412: "The version has moved",
    413: "Body too large",
    422: "Unacceptable request",
    500: "Internal error",
    503: "Unavailable",
}
_CODES = {
    400: "malformed_json",
    404: "no_such_route",
    405: "method_not_allowed",
    413: "body_too_large",
}
_SEED = re.compile(
    r"/api/v1/(orgs/entitlements|organizations/entitlements"
    r"|orgs/[^/]+/(entitlements|enabled_modules)|admin/(modules|orgs|categories)(/.*)?)"
)
_SPOKEN = {OFREP: ofrep_failure, AUTHZEN: authzen_failure}  # standards with a form of their own
_BARE = (401, 403, 404)  # the seed's clients compare these bodies whole
_PROBLEM = "application/problem+json"
_MOST_ERRORS = 20


def status_of(refusal: Refusal) -> int:
    """The HTTP status of a refusal, that of the nearest class in the tree."""
    for cls in type(refusal).__mro__:
        if cls in _STATUS:
            return _STATUS[cls]
    return 500


def answer(
    request: Request,
    status: int,
    *,
    code: str,
    detail: Any,
    hint: str | None = None,
    facts: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """An error body in the form that the route's clients know."""
    for prefix, failure in _SPOKEN.items():
        if request.url.path.startswith(prefix):
            return failure(request, status, code=code, detail=detail, headers=headers)
    more = {"code": code, **({"hint": hint} if hint else {}), **(facts or {})}
    if _SEED.fullmatch(request.url.path):
        body = {"detail": detail} | ({} if status in _BARE else more)
        return JSONResponse(body, status_code=status, headers=headers)
    problem = {
        "type": f"urn:entitlements-ledger:problem:{code}",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
    }
    return JSONResponse(
        problem | {k: v for k, v in more.items() if k not in problem},
        status_code=status,
        headers=headers,
        media_type=_PROBLEM,
    )


async def refused(request: Request, error: Exception) -> Response:
    """A refusal of the ledger."""
    assert isinstance(error, Refusal)
    status = status_of(error)
    headers = None
    if status == 503:
        headers = {"Retry-After": str(error.facts.get("retry_after_seconds", 1))}
    return answer(
        request,
        status,
        code=error.code,
        detail=error.message,
        hint=error.hint,
        facts=error.facts,
        headers=headers,
    )


async def unauthenticated(request: Request, error: Exception) -> Response:
    """No valid token."""
    assert isinstance(error, Unauthenticated)
    return answer(
        request,
        401,
        code="unauthenticated",
        detail=error.problem,
        headers={"WWW-Authenticate": 'Bearer realm="entitlements"'},
    )


async def invalid(request: Request, error: Exception) -> Response:
    """A request that does not have the documented shape: 400 where it is not even JSON."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(entry["type"] == "json_invalid" for entry in found):
        why = found[0].get("ctx", {}).get("error", "it cannot be read")
        return answer(request, 400, code="malformed_json", detail=f"The body is not JSON: {why}.")
    errors = _listed(found)
    sent_as = request.headers.get("content-type", "application/json")
    hint = None if "json" in sent_as else "Send JSON with 'Content-Type: application/json'."
    if _SEED.fullmatch(request.url.path):
        return answer(request, 422, code="invalid_request", detail=errors, hint=hint)
    sentence = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in errors)
    return answer(
        request, 422, code="invalid_request", detail=sentence, hint=hint, facts={"errors": errors}
    )


async def http_error(request: Request, error: Exception) -> Response:
    """What the framework itself turned down."""
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "http_error")
    headers = dict(error.headers or {})
    return answer(request, error.status_code, code=code, detail=error.detail, headers=headers)


async def failed(request: Request, error: Exception) -> Response:
    """A defect of ours: it is in the log, and none of it in the answer."""
    return answer(request, 500, code="internal_error", detail="Something went wrong here.")


def _listed(found: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {"loc": list(entry["loc"]), "msg": entry["msg"], "type": entry["type"]}
        for entry in found[:_MOST_ERRORS]
    ]


def documented(shape: type[BaseModel | str], *statuses: int) -> dict[int | str, dict[str, Any]]:
    """How OpenAPI shows the errors of a group of routes."""
    media = {Detail: "application/json", Failure: "application/json", str: "text/plain"}
    content = {media.get(shape, _PROBLEM): {"schema": TypeAdapter(shape).json_schema()}}
    return {status: {"description": _TITLES[status], "content": content} for status in statuses}


def install(app: FastAPI) -> None:
    """Let an application answer errors in these forms."""
    app.add_exception_handler(Refusal, refused)
    app.add_exception_handler(Unauthenticated, unauthenticated)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(Exception, failed)
