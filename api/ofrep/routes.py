"""Flags by OFREP: one by its key, or all of them with an ETag."""

import hashlib
from typing import Any

from fastapi import APIRouter, Request, Response

from api.checking import Asking, Known, may_ask_of
from api.identity import Caller
from api.ofrep.documents import Evaluation, Flag, Flags
from api.ofrep.events import PATH as EVENTS
from api.ofrep.failures import InvalidContext, TargetingKeyMissing
from api.ofrep.render import flag
from api.ofrep.signed import signed
from api.parts import ApiParts, Parts
from api.render import dumped
from api.standing import present
from api.tokens import Principal
from domain.ids import OrgId, org_id
from domain.refusals import Refusal

router = APIRouter(prefix="/ofrep/v1", tags=["OFREP"])

INACTIVITY_SECONDS = 120
_ASKED_AGAIN = {"Cache-Control": "private, no-cache"}


@router.post("/evaluate/flags/{key}", response_model=Flag)
async def evaluate(
    key: str, parts: Parts, principal: Caller, body: Evaluation | None = None
) -> dict[str, Any]:
    """One key as a flag. A denial is the value `false`; 404 where the catalog has no such key."""
    org = _org(body, principal)
    parts.rows.columns.catalog.resolve(key)
    asking, known = await _known(parts, org, principal)
    return flag(key, asking.read(org, known, [key])[0], alone=True)


@router.post("/evaluate/flags", response_model=Flags, responses={304: {"description": "as before"}})
async def evaluate_all(
    request: Request, parts: Parts, principal: Caller, body: Evaluation | None = None
) -> Response:
    """Every key of the catalog as a flag, all judged at one instant."""
    org = _org(body, principal)
    asking, known = await _known(parts, org, principal, counted=False)
    keys = asking.columns.keys
    decisions = asking.read(org, known, keys)
    content = {
        "flags": [flag(key, found) for key, found in zip(keys, decisions, strict=True)],
        "eventStreams": [_stream(request, parts, org)],
        "metadata": {
            name: decisions[0][name]
            for name in ("org_version", "catalog_version", "rollout_version", "stale")
        },
    }
    answer = dumped(content)
    etag = f'"{hashlib.sha256(answer).hexdigest()[:24]}"'
    headers = {"ETag": etag, **_ASKED_AGAIN}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(answer, media_type="application/json", headers=headers)


def _org(body: Evaluation | None, principal: Principal) -> OrgId:
    context = (body.context if body is not None else None) or {}
    target = context.get("targetingKey")
    if target is None or target == "":
        raise TargetingKeyMissing
    named = context.get("org_id", target)
    for field, value in (("targetingKey", target), ("org_id", named)):
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise InvalidContext(f"'context.{field}' must be a string or an integer.")
    org = org_id(named)
    may_ask_of(principal, org, another_time=False)
    return org


async def _known(
    parts: ApiParts, org: OrgId, principal: Principal, *, counted: bool = True
) -> tuple[Asking, Known]:
    asking, found = await present(parts, [org], about=principal, permission=None, counted=counted)
    known = found[org]
    if isinstance(known, Refusal):
        raise known
    return asking, known


def _stream(request: Request, parts: ApiParts, org: OrgId) -> dict[str, Any]:
    base = parts.public_base_url or str(request.base_url).rstrip("/")
    token = signed(org, now=parts.clock.now(), key=parts.stream_key)
    url = f"{base}{EVENTS}?token={token}"
    return {"type": "sse", "url": url, "inactivityDelaySec": INACTIVITY_SECONDS}
