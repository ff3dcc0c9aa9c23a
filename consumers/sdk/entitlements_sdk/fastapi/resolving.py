"""Who asks, and about which org: found out by what the deployment provides."""

from collections.abc import Awaitable, Callable

from starlette.requests import HTTPConnection
from starlette.types import Scope

from entitlements_sdk.fastapi.answers import cannot_tell, unauthenticated, unfit
from entitlements_sdk.principal import Principal
from entitlements_sdk.refusals import CannotTell, Unauthenticated

PrincipalOf = Callable[[HTTPConnection], Principal | Awaitable[Principal | None] | None]
"""Who sends a request; None or `Unauthenticated` where there are no valid credentials."""

OrgOf = Callable[[HTTPConnection, Principal], str | int | None]
"""The org a request is about; None where there is none."""

PROTECTION = "entitlements_sdk.protection"  # in the ASGI scope, so mounted apps have it as well
_CALLER = "entitlements_sdk.caller"
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


async def resolved(connection: HTTPConnection, principal_of: PrincipalOf) -> Principal:
    """Who asks; found out once for a request, however many guards it passes.

    Raises:
        HTTPException, WebSocketException: 401 where nobody is known, 503 where it cannot be told.
    """
    scope: Scope = connection.scope
    known = scope.get(_CALLER)
    if type(known) is Principal:
        return known
    try:
        found = principal_of(connection)
        if found is not None and not isinstance(found, Principal):
            found = await found
    except Unauthenticated as error:
        raise unauthenticated(str(error), scope) from error
    except CannotTell as error:
        raise cannot_tell(unfit(str(error)), scope) from error
    if found is None:
        raise unauthenticated(_SEND_ONE, scope)
    scope[_CALLER] = found
    return found


async def caller(connection: HTTPConnection) -> Principal:
    """A dependency: who asks. On a guarded route it costs a look-up.

    async def create(who: Annotated[Principal, Depends(caller)]): ...
    """
    protection = connection.scope.get(PROTECTION)
    if protection is None:
        raise cannot_tell(unfit("this app is not protected"), connection.scope)
    return await resolved(connection, protection.principal)
