"""Who asks, and the three gates: an org's own people, platform staff, and those who command."""

from typing import Annotated

from fastapi import Depends, Path, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.parts import Parts
from api.tokens import InvalidToken, Principal
from domain.ids import OrgId, org_id
from domain.refusals import NotPermitted

NOT_YOURS = "You do not have access to this organization's entitlements"
STAFF_ONLY = "Super admin access required"
NOT_ALL = "Only a super admin, or a service that is held to no organisation, may see them all."
NO_AUDIT = "Only a super admin or a service of this organisation may read its history."
NO_COMMAND = "Only a super admin or a service of this organisation may change its entitlements."


class Unauthenticated(Exception):
    """There is no valid bearer token; `problem` says what to do about it."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


_BEARER = HTTPBearer(auto_error=False, bearerFormat="JWT", description="see `entitlements token`")


async def authenticated(
    sent: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)], parts: Parts
) -> Principal:
    """The principal of the request.

    Raises:
        Unauthenticated: no bearer token, or one that proves nothing.
    """
    if sent is None:
        raise Unauthenticated("Send a token: 'Authorization: Bearer <JWT>'.")
    try:
        return await parts.tokens.verify(sent.credentials)
    except InvalidToken as error:
        raise Unauthenticated(f"The token was refused: {error}.") from error


Caller = Annotated[Principal, Depends(authenticated)]


async def named_org(
    org: Annotated[str, Path(description="an integer, or up to 64 letters, digits, `_.-`")],
    principal: Caller,  # first of all comes a valid token
) -> OrgId:
    """The org a path names."""
    return org_id(org)


NamedOrg = Annotated[OrgId, Depends(named_org)]


async def visible_org(org: NamedOrg, principal: Caller) -> OrgId:
    """The org a path names, which the caller may read."""
    if not principal.may_see(org):
        raise NotPermitted(NOT_YOURS)
    return org


async def staff(principal: Caller) -> Principal:
    """A super admin."""
    if not principal.is_super_admin:
        raise NotPermitted(STAFF_ONLY)
    return principal


async def commander(org: NamedOrg, principal: Caller) -> Principal:
    """One who may change the org that the path names."""
    if principal.role not in ("super_admin", "service") or not principal.may_see(org):
        raise NotPermitted(NO_COMMAND)
    return principal


async def queried_org(
    org: Annotated[str, Query(description="an org id")], principal: Caller
) -> OrgId:
    """The org a query names."""
    return org_id(org)


def may_audit(principal: Principal, org: OrgId) -> None:
    """Raises NotPermitted unless the principal may read who did what to the org."""
    if principal.role not in ("super_admin", "service") or not principal.may_see(org):
        raise NotPermitted(NO_AUDIT)


async def auditor(org: NamedOrg, principal: Caller) -> Principal:
    """One who may read who did what to the org that the path names."""
    may_audit(principal, org)
    return principal


async def audited_org(org: Annotated[OrgId, Depends(queried_org)], principal: Caller) -> OrgId:
    """The org a query names, whose history the caller may read."""
    may_audit(principal, org)
    return org


async def all_seeing(principal: Caller) -> Principal:
    """A super admin, or a service that is held to no org."""
    if principal.is_super_admin or (principal.role == "service" and principal.org is None):
        return principal
    raise NotPermitted(NOT_ALL)


VisibleOrg = Annotated[OrgId, Depends(visible_org)]
Staff = Annotated[Principal, Depends(staff)]
AllSeeing = Annotated[Principal, Depends(all_seeing)]
Commander = Annotated[Principal, Depends(commander)]
Auditor = Annotated[Principal, Depends(auditor)]
AuditedOrg = Annotated[OrgId, Depends(audited_org)]
