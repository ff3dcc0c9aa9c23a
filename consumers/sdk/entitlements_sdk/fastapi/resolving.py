"""Who asks, and about which org: found out by what the deployment provides."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.requests import HTTPConnection
from starlette.types import Scope

from entitlements_sdk.fastapi.answers import cannot_tell, unauthenticated, unfit
from entitlements_sdk.principal import BypassWish, Principal
from entitlements_sdk.refusals import CannotTell, Unauthenticated

Found = Principal | Awaitable[Principal | None] | None
PrincipalOf = Callable[[HTTPConnection], Found]
"""Who sends a request; None or `Unauthenticated` where there are no valid credentials."""

OrgOf = Callable[[HTTPConnection, Principal], str | int | None]
"""The org a request is about; None where there is none."""

PROTECTION = "entitlements_sdk.protection"  # in the ASGI scope, so mounted apps have it as well
CALLER = "entitlements_sdk.caller"
_SEND_ONE = "Send a token: 'Authorization: Bearer <JWT>'."
_ORG_HEADER = b"x-org-id"


def bearer_token(connection: HTTPConnection) -> str | None:
    """The bearer token of a request, None where there is none."""
    for name, value in connection.scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            return token.strip() or None if scheme.lower() == "bearer" else None
    return None


def chosen_org(connection: HTTPConnection, principal: Principal) -> str | None:
    """The caller's own org, unless they may name one and do so in `X-Org-Id`."""
    if principal.may_choose_org:
        for name, value in connection.scope["headers"]:
            if name == _ORG_HEADER:
                return str(value.decode("latin-1"))
    return principal.org


def found_at_once(connection: HTTPConnection, principal_of: PrincipalOf) -> Found:
    """Who asks, or what `found` awaits.

    Raises:
        HTTPException, WebSocketException: 401 where nobody is known, 503 where it cannot be told.
    """
    scope = connection.scope
    try:
        principal = principal_of(connection)
    except Unauthenticated as error:
        raise unauthenticated(str(error), scope) from error
    except CannotTell as error:
        raise cannot_tell(unfit(str(error)), scope) from error
    if type(principal) is Principal:
        principal = scope[CALLER] = wishing(principal, scope)
    return principal


def wishing(principal: Principal, scope: Scope) -> Principal:
    """A super admin with the wish to bypass that the request's headers carry; others as they are.

    `X-Bypass-Reason`, or `X-Bypass-Session` with the id of an open session.
    """
    if principal.role != "super_admin":
        return principal
    said = dict(scope["headers"])
    reason, session = said.get(b"x-bypass-reason"), said.get(b"x-bypass-session")
    if reason is None and session is None:
        return principal
    wish = BypassWish(
        reason=None if reason is None else _meant(reason),
        session_id=None if session is None else session.decode("latin-1"),
        route=f"{scope.get('method', 'WEBSOCKET')} {scope['path']}"[:200],
    )
    return replace(principal, bypass=wish)


def _meant(header: bytes) -> str:
    """A header in UTF-8, where it is that, as who wrote it meant it."""
    try:
        return header.decode()
    except UnicodeDecodeError:
        return header.decode("latin-1")


async def found(principal: Found, scope: Scope) -> Principal:
    """Who asks, once it is found out; it is done once for a request, however many its guards.

    Raises:
        HTTPException, WebSocketException: as `found_at_once`.
    """
    try:
        known = await principal if isinstance(principal, Awaitable) else principal
    except Unauthenticated as error:
        raise unauthenticated(str(error), scope) from error
    except CannotTell as error:
        raise cannot_tell(unfit(str(error)), scope) from error
    if known is None:
        raise unauthenticated(_SEND_ONE, scope)
    known = scope[CALLER] = wishing(known, scope)
    return known


async def caller(connection: HTTPConnection) -> Principal:
    """A dependency: who asks. On a guarded route it costs a look-up.

    async def create(who: Annotated[Principal, Depends(caller)]): ...
    """
    protection = connection.scope.get(PROTECTION)
    if protection is None:
        raise cannot_tell(unfit("this app is not protected"), connection.scope)
    principal = connection.scope.get(CALLER) or found_at_once(connection, protection.principal)
    return await found(principal, connection.scope)
