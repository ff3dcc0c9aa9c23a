"""What a guard raises: an answer over HTTP, a close over a WebSocket that is not open yet."""

import math
from typing import Any

from fastapi import HTTPException, WebSocketException, status
from starlette.types import Scope

from entitlements_sdk.bodies import denial, unavailable
from entitlements_sdk.decision import Decision

_LONGEST_REASON = 123  # bytes of a close frame
_NAME_ONE = "Name the organization that this is about in the header 'X-Org-Id'."


def refusal(decision: Decision, scope: Scope) -> Exception:
    """What a decision that does not allow is answered with."""
    if decision.unavailable:
        return cannot_tell(unavailable(decision), scope, retry_after=decision.retry_after)
    if scope["type"] == "websocket":
        reason = decision.reason[:_LONGEST_REASON]
        return WebSocketException(status.WS_1008_POLICY_VIOLATION, reason)
    return HTTPException(status.HTTP_403_FORBIDDEN, denial(decision))


def nameless(scope: Scope) -> Exception:
    """Staff, who belong to no org, left out which one they mean: no denial, a question is open."""
    if scope["type"] == "websocket":
        return WebSocketException(status.WS_1008_POLICY_VIOLATION, _NAME_ONE)
    body = {"error_type": "org_not_named", "message": _NAME_ONE, "code": "org_not_named"}
    return HTTPException(status.HTTP_400_BAD_REQUEST, body)


def unauthenticated(problem: str, scope: Scope) -> Exception:
    """There is no valid token."""
    if scope["type"] == "websocket":
        return WebSocketException(status.WS_1008_POLICY_VIOLATION, "no valid token")
    return HTTPException(
        status.HTTP_401_UNAUTHORIZED, problem, headers={"WWW-Authenticate": "Bearer"}
    )


def cannot_tell(detail: dict[str, Any], scope: Scope, *, retry_after: float = 1.0) -> Exception:
    """Nobody knows at the moment; asking again makes sense."""
    if scope["type"] == "websocket":
        return WebSocketException(status.WS_1013_TRY_AGAIN_LATER, "cannot be told at the moment")
    return HTTPException(
        status.HTTP_503_SERVICE_UNAVAILABLE,
        detail,
        headers={"Retry-After": str(max(1, math.ceil(retry_after)))},
    )


def unfit(why: str) -> dict[str, Any]:
    """The body of a 503 that has no decision behind it."""
    return {
        "error_type": "entitlement_unavailable",
        "reason": why,
        "message": "Whether this may be used cannot be told at the moment.",
        "code": "entitlement_unavailable",
    }
