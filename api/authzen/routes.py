"""Evaluations by AuthZEN, one or many, and where to find them."""

from typing import Any

from fastapi import APIRouter, Request

from api.authzen import paths
from api.authzen.asking import Denied, answer, decide, denied, key_of, permission_of, subject
from api.authzen.batches import Incomplete, whole
from api.authzen.documents import (
    Configuration,
    Decision,
    Decisions,
    Evaluation,
    Evaluations,
    Partial,
)
from api.identity import Caller
from api.parts import ApiParts, Parts
from api.tokens import Principal
from domain.refusals import NotPermitted

router = APIRouter(tags=["AuthZEN"])


@router.get(paths.WELL_KNOWN, response_model=Configuration)
async def configuration(request: Request, parts: Parts) -> dict[str, str]:
    """What this decision point can do, and where."""
    base = parts.public_base_url or str(request.base_url).rstrip("/")
    return {
        "policy_decision_point": base,
        "access_evaluation_endpoint": base + paths.EVALUATION,
        "access_evaluations_endpoint": base + paths.EVALUATIONS,
        **{
            f"search_{what}_endpoint": f"{base}{paths.SEARCH}/{what}"
            for what in ("subject", "resource", "action")
        },
    }


@router.post(paths.EVALUATION, response_model=Decision)
async def evaluation(body: Evaluation, parts: Parts, principal: Caller) -> dict[str, Any]:
    """May a user or an org use a module? A denial is 200 with `decision` false."""
    return await _evaluated(parts, principal, body)


@router.post(paths.EVALUATIONS, response_model=Decisions | Decision)
async def evaluations(body: Evaluations, parts: Parts, principal: Caller) -> dict[str, Any]:
    """Several at once. Without `evaluations` it is the same as one evaluation.

    One that lacks something, or that the caller may not ask, is denied with the error in its
    `context`; the others are answered all the same.
    """
    if not body.evaluations:
        return await _evaluated(parts, principal, whole(body, {}))
    semantic = body.options.evaluations_semantic if body.options else "execute_all"
    last = {"deny_on_first_deny": False, "permit_on_first_permit": True}.get(semantic)
    answers: list[dict[str, Any]] = []
    for item in body.evaluations:
        answers.append(await _item(parts, principal, body, item))
        if answers[-1]["decision"] is last:
            break
    return {"evaluations": answers}


async def _evaluated(parts: ApiParts, principal: Principal, body: Evaluation) -> dict[str, Any]:
    permission = permission_of(body.action)
    try:
        who = subject(principal, body.subject, body.context)
        key = key_of(body.resource)
    except Denied as denial:
        return denied(denial)
    return answer((await decide(parts, who, [key], permission))[0], permission)


async def _item(
    parts: ApiParts, principal: Principal, shared: Partial, item: object
) -> dict[str, Any]:
    try:
        return await _evaluated(parts, principal, whole(shared, item))
    except (Incomplete, NotPermitted) as refusal:
        status = 400 if isinstance(refusal, Incomplete) else 403
        error = {"status": status, "message": refusal.message}
        return {"decision": False, "context": {"error": error}}
