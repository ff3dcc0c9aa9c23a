"""The guards as dependencies. Every way of attaching one ends in a `Guard`."""

import logging
from dataclasses import dataclass, replace

from starlette.requests import HTTPConnection
from starlette.types import Scope

from entitlements_sdk.catalog import joined
from entitlements_sdk.decision import Decision
from entitlements_sdk.fastapi.answers import cannot_tell, nameless, refusal, unfit
from entitlements_sdk.fastapi.resolving import (
    CALLER,
    PROTECTION,
    OrgOf,
    PrincipalOf,
    chosen_org,
    found,
    found_at_once,
)
from entitlements_sdk.ports import AllowedAtOnce, CheckAtOnce, Client
from entitlements_sdk.principal import Principal

_log = logging.getLogger("entitlements_sdk")


@dataclass(frozen=True, slots=True)
class Protection:
    """What a guard finds in the scope of a request: whom to ask, and how to tell who asks."""

    client: Client
    principal: PrincipalOf
    org: OrgOf
    check_at_once: CheckAtOnce
    allowed_at_once: AllowedAtOnce

    @classmethod
    def by(cls, client: Client, *, principal: PrincipalOf, org: OrgOf) -> "Protection":
        """With the client's quick answers at hand."""
        return cls(client, principal, org, client.check_at_once, client.allowed_at_once)


class Guard:
    """Lets a request through when its org may use `key` and its caller has `permission`.

    An instance is a dependency, which gives the `Decision`. It answers 401 without a token, 403
    when denied, 400 where staff do not say which org they mean, and 503 with Retry-After when
    nobody can tell; where `protect` was forgotten also 503.
    With `allow_bypass` False not even a super admin gets by it.
    """

    def __init__(
        self, key: str, permission: str | None = None, *, allow_bypass: bool = True
    ) -> None:
        self.key = key
        self.permission = permission
        self.allow_bypass = allow_bypass

    def __repr__(self) -> str:
        return f"Guard({self.key!r}, permission={self.permission!r})"

    async def __call__(self, connection: HTTPConnection) -> Decision:
        """The decision, when it allows.

        Raises:
            HTTPException, WebSocketException: it does not.
        """
        protection = self._protection(connection.scope)
        principal = connection.scope.get(CALLER) or found_at_once(connection, protection.principal)
        if type(principal) is not Principal:
            principal = await found(principal, connection.scope)
        if principal.bypass is not None and not self.allow_bypass:
            principal = replace(principal, bypass=None)
        chosen = protection.org(connection, principal)
        org = _named(chosen)
        decision = protection.check_at_once(org, self.key, self.permission, principal)
        if decision is None:
            decision = await protection.client.check(org, self.key, self.permission, principal)
        if not decision.allowed:
            unnamed = chosen is None and decision.denied_by == "unknown_org"
            if unnamed and principal.may_choose_org and protection.org is chosen_org:
                raise nameless(connection.scope)
            raise refusal(decision, connection.scope)
        return decision

    async def admit(self, connection: HTTPConnection) -> None:
        """The same for the fast form, which has no use for a decision that allows.

        Raises:
            HTTPException, WebSocketException: it does not.
        """
        protection = self._protection(connection.scope)
        principal = connection.scope.get(CALLER) or found_at_once(connection, protection.principal)
        if type(principal) is not Principal:
            principal = await found(principal, connection.scope)
        org = _named(protection.org(connection, principal))
        if not protection.allowed_at_once(org, self.key, self.permission, principal):
            await self(connection)

    def _protection(self, scope: Scope) -> Protection:
        protection: Protection | None = scope.get(PROTECTION)
        if protection is None:
            _log.error("a guard of '%s' is in an app that `protect` was not called with", self.key)
            raise cannot_tell(unfit("this app is not protected"), scope)
        return protection


def _named(org: str | int | None) -> str:
    """An org that is not named is one that nobody registered; exempt keys do without."""
    return org if type(org) is str else "" if org is None else str(org)


def require_entitlement(
    module: str, submodule: str | None = None, *, allow_bypass: bool = True
) -> Guard:
    """A dependency: the caller's org may use the module, or the submodule of it.

    @app.get("/leads", dependencies=[Depends(require_entitlement("crm", "lead_management"))])
    """
    return Guard(joined(module, submodule), allow_bypass=allow_bypass)


def require_permission_with_entitlement(
    module: str, permission: str, submodule: str | None = None, *, allow_bypass: bool = True
) -> Guard:
    """A dependency: the same, and the caller has the permission as well.

    @app.post("/leads", dependencies=[
        Depends(require_permission_with_entitlement("crm", "crm.create"))])
    """
    return Guard(joined(module, submodule), permission, allow_bypass=allow_bypass)
