"""The rollout of gating: `/admin/rollout`, for super admins, and the rollback that alerts call."""

import hashlib
import json
from typing import Annotated, Any
from uuid import UUID, uuid5

from fastapi import APIRouter, Query, Request, Response

from api.bodies import RawKey
from api.documents_readiness import ReadinessPage
from api.documents_rollout import Changed, Cohort, RolledBack, RolloutHistory, RolloutState
from api.identity import AllSeeing, Staff
from api.instants import KnownPoint
from api.orders import IdempotencyKey, command_id_of, etag_of, provenance
from api.parts import ApiParts, Parts
from api.render_history import recorded
from api.render_messages import CohortUnnamed
from api.render_readiness import readiness_page
from api.render_rollout import rollout_state, ruling
from api.rollout_bodies import (
    AdvanceBody,
    Alert,
    AlertmanagerBody,
    ExemptModuleBody,
    ExemptOrgBody,
    ForceOrgBody,
    KillBody,
    PercentageBody,
    ResumeGatingBody,
    RollbackBody,
    RolloutBody,
    RolloutUpdate,
    SignOffBody,
    share_of,
)
from api.tokens import Principal
from domain.actors import LONGEST_REASON
from domain.ids import org_id, org_json
from domain.instants import iso
from domain.refusals import Refusal, Unavailable
from domain.steering import Steered

router = APIRouter(prefix="/api/v1/admin/rollout", tags=["rollout"])

CHANGES: dict[str, type[RolloutBody]] = {
    "kill": KillBody,
    "resume": ResumeGatingBody,
    "percentage": PercentageBody,
    "exempt-org": ExemptOrgBody,
    "exempt-module": ExemptModuleBody,
    "force-org": ForceOrgBody,
    "advance": AdvanceBody,
    "sign-off": SignOffBody,
}
_ALERTS = UUID("6d7c1b1e-1c57-4ac0-8a5f-0c7b8d0e9a61")  # never rename: command ids derive from it


@router.get("", response_model=RolloutState)
async def state(parts: Parts, principal: Staff, response: Response) -> dict[str, Any]:
    """The rules in force, and how far the plan has come."""
    rollout = await parts.rollouts.rollout()
    response.headers["ETag"] = etag_of(rollout.version)
    return rollout_state(rollout, parts.gates.gating, problem=parts.gates.problem)


@router.put("", response_model=Changed)
async def update(
    body: RolloutUpdate,
    request: Request,
    parts: Parts,
    principal: Staff,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """Change several rules at once, all or none."""
    return await _carried_out(request, parts, principal, body, idempotency_key)


@router.get("/history", response_model=RolloutHistory)
async def history(
    parts: Parts,
    principal: Staff,
    point: KnownPoint,
    org: Annotated[str | None, Query(description="how was this org decided?")] = None,
    key: Annotated[RawKey | None, Query(description="and this module of it?")] = None,
) -> dict[str, Any]:
    """Every change of the rollout; was gating on for an org at an instant, and by which rule?"""
    rollout, changes = await parts.rollouts.known_at(point.recorded_by)
    module = parts.shelf.catalog.resolve_module(key.partition(".")[0]) if key else None
    return {
        "known_at": iso(point.known_at),
        "ruling": ruling(org_id(org), module, rollout.gating) if org is not None else None,
        "events": [recorded(entry) for entry in reversed(changes)],
    }


@router.post("/rollback", response_model=RolledBack)
async def rollback(
    body: RollbackBody | AlertmanagerBody, request: Request, parts: Parts, principal: AllSeeing
) -> dict[str, Any]:
    """Take gating back: for everybody, for some orgs, or for one module.

    Also takes the webhook of Alertmanager. An alert rolls back what its label `rollback` says
    (`all`, `org` with a label `org`, `module` with a label `module`); the same alert again changes
    nothing, and one that is resolved never gates anything again by itself. One that cannot be
    carried out is answered with `refused`; the others roll back all the same.
    """
    if isinstance(body, RollbackBody):
        by = provenance(request, principal, reason=body.reason, ticket=body.ticket)
        steered = await parts.rollouts.steer(body.commands(), by=by, dry_run=body.dry_run)
        done = [{"scope": body.scope, **_outcome(steered)}]
    else:
        done = [await _answered(request, parts, principal, alert) for alert in body.alerts]
    return {"rolled_back": done, "rollout_version": (await parts.rollouts.rollout()).version}


@router.get("/cohort", response_model=Cohort)
async def cohort(
    parts: Parts,
    principal: Staff,
    percent: Annotated[float | None, Query(ge=0, le=100)] = None,
    tag: Annotated[str | None, Query(max_length=64)] = None,
    after: Annotated[str, Query(max_length=64, pattern=r"^[^\x00-\x1f]*$")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> dict[str, Any]:
    """The orgs within a percentage, or under a tag, a page at a time."""
    if (percent is None) == (tag is None):
        raise CohortUnnamed
    members = await parts.rollouts.cohort(
        share=share_of(percent) if percent is not None else None,
        tag=tag,
        after=after,
        limit=limit + 1,
    )
    page = members[:limit]
    return {
        "percent": percent,
        "tag": tag,
        "orgs": [{"org_id": org_json(member.org), "name": member.name} for member in page],
        "next": page[-1].org if len(members) > limit else None,
    }


@router.get("/readiness", response_model=ReadinessPage)
async def readiness(
    parts: Parts,
    principal: Staff,
    percent: Annotated[float, Query(ge=0, le=100, description="of the orgs, as a promotion has")],
    after: Annotated[str, Query(max_length=64, pattern=r"^[^\x00-\x1f]*$")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> dict[str, Any]:
    """What a promotion rests on: unexpected denials, latency, and the orgs it would deny.

    Those are orgs that used a key which shadow mode would have denied, with the last use.
    """
    found = await parts.rollouts.readiness(share=share_of(percent), after=after, limit=limit)
    return readiness_page(found)


async def _carried_out(
    request: Request,
    parts: ApiParts,
    principal: Principal,
    body: RolloutBody,
    idempotency_key: str | None,
) -> dict[str, Any]:
    content = body.model_dump(mode="json", exclude={"dry_run"})
    printed = json.dumps([request.method, request.url.path, content], sort_keys=True)
    steered = await parts.rollouts.steer(
        body.commands(),
        by=provenance(request, principal, reason=body.reason, ticket=body.ticket),
        command_id=command_id_of(principal, idempotency_key),
        fingerprint=hashlib.sha256(printed.encode()).digest(),
        dry_run=body.dry_run,
    )
    state = rollout_state(steered.rollout, parts.gates.gating, problem=parts.gates.problem)
    return _outcome(steered) | {"rollout": state} | ({"dry_run": True} if body.dry_run else {})


async def _answered(
    request: Request, parts: ApiParts, principal: Principal, alert: Alert
) -> dict[str, Any]:
    """What an alert rolled back; one that makes no sense keeps no other from doing so."""
    try:
        return await _by_alert(request, parts, principal, alert)
    except Unavailable:
        raise  # Alertmanager tries all of them again
    except Refusal as refusal:
        refused = {"code": refusal.code, "detail": refusal.message}
        return {**_nothing(alert), "scope": alert.labels.get("rollback"), "refused": refused}


async def _by_alert(
    request: Request, parts: ApiParts, principal: Principal, alert: Alert
) -> dict[str, Any]:
    name = alert.name
    told = alert.annotations.get("summary") or alert.annotations.get("description") or ""
    reason = f"Rolled back by the alert '{name}'. {told}".strip()[:LONGEST_REASON]
    commands = alert.commands()
    if not commands:
        return _nothing(alert)
    which = [
        alert.fingerprint,
        alert.labels,
        alert.starts_at.isoformat() if alert.starts_at else "",
    ]
    fingerprint = hashlib.sha256(json.dumps(which, sort_keys=True).encode()).digest()
    steered = await parts.rollouts.steer(
        commands,
        by=provenance(request, principal, reason=reason, ticket=None),
        command_id=uuid5(_ALERTS, fingerprint.hex()),
        fingerprint=fingerprint,
    )
    return {"alert": name, "scope": alert.labels["rollback"], **_outcome(steered)}


def _nothing(alert: Alert) -> dict[str, Any]:
    return {"alert": alert.name, "scope": None, "changed": False, "facts": [], "positions": []}


def _outcome(steered: Steered) -> dict[str, Any]:
    return {
        "changed": steered.changed,
        "rollout_version": steered.version,
        "facts": list(steered.facts),
        "positions": list(steered.positions),
    }


def _add(name: str, shape: type[RolloutBody]) -> None:
    async def change(
        body: Any,
        request: Request,
        parts: Parts,
        principal: Staff,
        idempotency_key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        return await _carried_out(request, parts, principal, body, idempotency_key)

    change.__annotations__["body"] = shape  # FastAPI reads shapes from annotations alone
    router.post(
        f"/{name}",
        summary=(shape.__doc__ or "").partition("\n")[0].rstrip("."),
        operation_id=f"rollout_{name.replace('-', '_')}",
        response_model=Changed,
    )(change)


for _name, _shape in CHANGES.items():
    _add(_name, _shape)
