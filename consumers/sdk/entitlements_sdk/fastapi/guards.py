"""The guards as dependencies. Every way of attaching one ends in `Guard.admit`."""

import logging
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from entitlements_sdk.catalog import joined
from entitlements_sdk.decision import Decision
from entitlements_sdk.fastapi.answers import cannot_tell, refusal, unfit
from entitlements_sdk.fastapi.resolving import PROTECTION, OrgOf, PrincipalOf, resolved
from entitlements_sdk.judging import Question
from entitlements_sdk.ports import Client
from entitlements_sdk.principal import Principal

DECISION = "entitlements_sdk.decision"
_log = logging.getLogger("entitlements_sdk")


@dataclass(frozen=True, slots=True)
class Protection:
    """What a guard finds in the scope of a request: whom to ask, and how to tell who asks."""

    client: Client
    principal: PrincipalOf
    org: OrgOf


class Guard:
    """Lets a request through when its org may use `key` and its caller has `permission`.

    An instance is a dependency, which gives the `Decision`. It answers 401 without a token, 403
    when denied, 503 with Retry-After when nobody can tell; where `protect` was forgotten also 503.
    """

    def __init__(self, key: str, permission: str | None = None) -> None:
        self.key = key
        self.permission = permission

    def __repr__(self) -> str:
        return f"Guard({self.key!r}, permission={self.permission!r})"

    async def __call__(self, connection: HTTPConnection) -> Decision:
        return await self.admit(connection)

    async def admit(self, connection: HTTPConnection) -> Decision:
        """The decision, when it allows.

        Raises:
            HTTPException, WebSocketException: it does not.
        """
        scope = connection.scope
        protection: Protection | None = scope.get(PROTECTION)
        if protection is None:
            _log.error("a guard of '%s' is in an app that `protect` was not called with", self.key)
            raise cannot_tell(unfit("this app is not protected"), scope)
        principal = await resolved(connection, protection.principal)
        org = protection.org(connection, principal)
        # An org that is not named is one that nobody registered; exempt keys do without.
        question = Question("" if org is None else str(org), self.key, self.permission, principal)
        decision = protection.client.check_at_once(question)
        if decision is None:
            decision = await self._asked(protection.client, question, principal)
        if not decision.allowed:
            raise refusal(decision, scope)
        scope[DECISION] = decision
        return decision

    async def _asked(self, client: Client, question: Question, principal: Principal) -> Decision:
        return await client.check(question.org, self.key, self.permission, principal)


def require_entitlement(module: str, submodule: str | None = None) -> Guard:
    """A dependency: the caller's org may use the module, or the submodule of it.

    @app.get("/leads", dependencies=[Depends(require_entitlement("crm", "lead_management"))])
    """
    return Guard(joined(module, submodule))


def require_permission_with_entitlement(
    module: str, permission: str, submodule: str | None = None
) -> Guard:
    """A dependency: the same, and the caller has the permission as well.

    @app.post("/leads", dependencies=[
        Depends(require_permission_with_entitlement("crm", "crm.create"))])
    """
    return Guard(joined(module, submodule), permission)
