"""One bypass: the normal verdict first, then the record, and only then the access."""

from typing import Any

from api.documents_bypass import UseBody
from api.parts import ApiParts
from api.tokens import Principal
from domain.actors import Actor, Provenance
from domain.bypass import BypassNotAllowed, BypassReasonMissing, Use
from domain.decision import Verdict, has_permission, judge
from domain.ids import OrgId, org_id
from domain.refusals import NotPermitted

ONLY_FOR_STAFF = "Only a super admin, or a service on behalf of one, may bypass."


def bypassing(principal: Principal, body: UseBody) -> Actor:
    """On whose word a use is recorded: the principal's, for itself or on behalf of a super admin.

    Raises:
        NotPermitted: it may not.
    """
    if principal.is_super_admin and body.actor is None:
        return Actor(id=principal.sub, type=principal.role)
    if principal.role == "service" and principal.org is None and body.actor is not None:
        return Actor(id=principal.sub, type=principal.role, on_behalf_of=body.actor.sub)
    raise NotPermitted(ONLY_FOR_STAFF)


async def used(
    parts: ApiParts, body: UseBody, *, actor: Actor, reason: str | None, traceparent: str | None
) -> dict[str, Any]:
    """Let a super admin use a key: as it is, or by a bypass that is on record by then.

    Raises:
        UnknownKey, UnknownOrg: there is nothing to bypass.
        BypassNotAllowed: bypassing is switched off here; that the access was denied is recorded.
        BypassReasonMissing, SessionOver, SessionElsewhere: nobody said why.
        Unavailable: the state or the record could not be had, so nothing is allowed.
    """
    org = org_id(body.org)
    key = parts.shelf.catalog.resolve(body.key)
    verdict = await _verdict(parts, org, key, body.permission)
    if not verdict.bypassable:
        return answered(verdict, bypassed=False)
    use = Use(
        org=org,
        key=key,
        denied_by=str(verdict.denied_by),
        permission=body.permission,
        route=body.route,
        session_id=body.session_id,
    )
    by = await _provenance(parts, use, actor, reason, body.ticket, traceparent)
    why = parts.bypasses.forbidden(key)
    if why is not None:
        await parts.bypasses.uses.refuse(use, why=why, by=by)
        raise BypassNotAllowed(key, why=why)
    position = await parts.bypasses.uses.record(use, by=by)
    return answered(verdict, bypassed=True, position=position, session_id=body.session_id)


def answered(
    verdict: Verdict,
    *,
    bypassed: bool,
    position: int | None = None,
    session_id: str | None = None,
) -> dict[str, Any]:
    """What came of it."""
    return {
        "allowed": verdict.allowed or bypassed,
        "bypassed": bypassed,
        "status": verdict.status,
        "denied_by": verdict.denied_by,
        "code": "bypassed" if bypassed else verdict.code,
        "position": position,
        "session_id": session_id,
    }


async def _verdict(parts: ApiParts, org: OrgId, key: str, permission: str | None) -> Verdict:
    rows = parts.rows
    row = await rows.get(org)  # never last known good: what is not known is not set aside
    place = rows.columns.place_of[key]
    mode = rows.gating.uniform or rows.gating(org, rows.columns.module_at[place])
    permitted = has_permission(
        permission,
        role="super_admin",
        permissions=(),
        role_permissions=rows.columns.catalog.role_permissions,
    )
    return judge(row[place], mode, True, permitted, True)


async def _provenance(
    parts: ApiParts,
    use: Use,
    actor: Actor,
    reason: str | None,
    ticket: str | None,
    traceparent: str | None,
) -> Provenance:
    if use.session_id is not None:
        who = actor.on_behalf_of or actor.id
        session = await parts.bypasses.sessions.running(use.session_id, org=use.org, actor=who)
        reason, ticket = session.reason, session.ticket
    if reason is None:
        raise BypassReasonMissing
    return Provenance(
        actor=actor,
        reason=reason,
        ticket=ticket,
        batch_id=use.session_id,
        traceparent=traceparent,
    )
