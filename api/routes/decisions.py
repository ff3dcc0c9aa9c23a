"""Decisions for programs: check, one or many, and all they need to decide by themselves."""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from api.checking import Asking, Known, may_ask, may_ask_of
from api.documents_decisions import (
    Batch,
    BatchBody,
    CatalogDocument,
    CheckBody,
    Decision,
    Question,
    ReplayedDecision,
    Snapshot,
)
from api.identity import Caller, VisibleOrg, may_audit
from api.orders import version_in
from api.parts import ApiParts, Parts
from api.render import dumped
from api.render_decisions import catalog_document
from api.replaying import replayed
from api.routes.entitlements import MinVersion
from api.standing import Found, at_instant, present
from api.tokens import Principal
from domain.decision_ids import read_decision_id
from domain.ids import OrgId, org_id, org_json
from domain.instants import aware, iso
from domain.refusals import Refusal, Unavailable, UnknownOrg
from projections.snapshot import gating_of, snapshot
from projections.table import Entry

router = APIRouter(prefix="/api/v1", tags=["decisions"])

NOT_KEPT = {"Cache-Control": "no-store"}
ASKED_AGAIN = {"Cache-Control": "private, no-cache"}


@router.post("/check", response_model=Decision)
async def check(body: CheckBody, parts: Parts, principal: Caller) -> Response:
    """May the caller use a key of an org? A denial is an answer: 200 with `allowed` false.

    Services may ask about an `actor`. 503 where it cannot be found out, which is no denial.
    """
    org, about = org_id(body.org), _about(body, principal)
    may_ask_of(principal, org, another_time=body.at is not None)
    asking, found = await _known(parts, [org], body, about)
    known = found[org]
    if isinstance(known, Refusal):
        raise known
    return _json(asking.of(org, known, [body.key])[0].encode(), headers=NOT_KEPT)


@router.post("/check/batch", response_model=Batch)
async def check_batch(body: BatchBody, parts: Parts, principal: Caller) -> Response:
    """The same for up to 100 orgs and 100 keys, all judged at one instant; an error per item."""
    about = _about(body, principal)
    wanted = {raw: _org(raw, body, principal) for raw in dict.fromkeys(body.orgs)}
    orgs = [org for org in wanted.values() if not isinstance(org, Refusal)]
    asking, found = await _known(parts, orgs, body, about)
    if orgs and all(isinstance(known, Unavailable) for known in found.values()):
        raise Unavailable("Nothing of this can be found out at the moment.")
    answers = [
        item for raw in body.orgs for item in _items(asking, raw, wanted[raw], found, body.keys)
    ]
    return _json(batch(asking, answers).encode(), headers=NOT_KEPT)


@router.get("/decisions/{id}", response_model=ReplayedDecision)
async def decision(
    id: Annotated[str, Path(description="the `decision_id` of an answer")],  # noqa: A002 - the path's
    parts: Parts,
    principal: Caller,
) -> dict[str, Any]:
    """A decision made again from the events of the versions it names; says whether both agree."""
    decided = read_decision_id(id)
    may_audit(principal, decided.org)
    return await replayed(parts, id, decided)


@router.get("/orgs/{org}/snapshot", response_model=Snapshot)
async def org_snapshot(
    request: Request, org: VisibleOrg, parts: Parts, min_version: MinVersion = None
) -> Response:
    """Everything that decisions about an org need, up to the next instant at which they change."""
    wanted = version_in(min_version, header="min_version") or 0
    try:
        entry = await parts.table.get(org, min_version=wanted)
    except UnknownOrg as refusal:
        refusal.facts |= {
            "catalog_version": parts.rows.columns.catalog.version,
            "rollout_version": parts.rows.gating.version,
            "evaluated_at": iso(parts.clock.now()),
            "gating": gating_of(org, parts.rows.columns, parts.rows.gating),
        }
        raise
    return _unless_known(request, _snapshot(parts, org, entry))


@router.get("/catalog", response_model=CatalogDocument)
async def catalog(request: Request, parts: Parts, principal: Caller) -> Response:
    """The keys that can be asked about, and what each role may."""
    columns = parts.rows.columns
    found = columns.rendered.get("catalog")
    if found is None:
        body = dumped(catalog_document(columns.catalog))
        found = columns.rendered["catalog"] = (body, f'"c{columns.catalog.version}.{_hash(body)}"')
    return _unless_known(request, found)


def batch(asking: Asking, items: list[str]) -> str:
    """The answer to a batch."""
    return f'{{"evaluated_at":"{asking.evaluated_at}","results":[{",".join(items)}]}}'


def snapshot_name(parts: ApiParts) -> str:
    """Under what name a snapshot is kept with what it was made of."""
    gating = parts.rows.gating
    return f"snapshot {gating.version} {gating.uniform} {parts.watch.epoch}"


def _about(body: Question, principal: Principal) -> Principal:
    if body.actor is None:
        return principal
    about = Principal(
        sub="actor",
        role=body.actor.role,
        org=None if body.actor.org_id is None else org_id(body.actor.org_id),
        permissions=tuple(body.actor.permissions),
    )
    may_ask(principal, about=about)
    return about


def _org(raw: int | str, body: Question, principal: Principal) -> OrgId | Refusal:
    try:
        org = org_id(raw)
        may_ask_of(principal, org, another_time=body.at is not None)
    except Refusal as refusal:
        return refusal
    return org


async def _known(
    parts: ApiParts, orgs: list[OrgId], body: Question, about: Principal
) -> tuple[Asking, Found]:
    if body.at is None:
        return await present(parts, orgs, about=about, permission=body.permission)
    at = aware(body.at, field="at")
    return await at_instant(parts, orgs, about=about, permission=body.permission, at=at)


def _items(
    asking: Asking, raw: int | str, org: OrgId | Refusal, found: Found, keys: list[str]
) -> list[str]:
    known = org if isinstance(org, Refusal) else found[org]
    shown = raw if isinstance(org, Refusal) else org_json(org)
    lead, heads = f'{{"org_id":{_json_text(shown)},', [f'"key":{_json_text(key)},' for key in keys]
    if isinstance(known, Known) and not isinstance(org, Refusal):
        return asking.of(org, known, keys, lead=lead, heads=heads)
    assert isinstance(known, Refusal)
    error = _json_text({"code": known.code, "detail": known.message})
    return [f'{lead}{head}"error":{error}}}' for head in heads]


def _json_text(value: object) -> str:
    return dumped(value).decode()


def _snapshot(parts: ApiParts, org: OrgId, entry: Entry) -> tuple[bytes, str]:
    columns, rows = parts.rows.columns, parts.rows
    judged = entry.judged(columns.catalog, parts.clock.now())
    name = snapshot_name(parts)
    found: tuple[bytes, str] | None = judged.rendered.get(name)
    if found is None:
        body = snapshot(
            org,
            columns.row(entry.lanes, judged.at),
            columns,
            rows.gating,
            org_version=entry.version,
            position=entry.org.position,
            ledger_epoch=parts.watch.epoch,
            evaluated_at=iso(judged.at),
            next_boundary=iso(judged.not_after) if judged.not_after else None,
        )
        lasting = {name: value for name, value in body.items() if name != "evaluated_at"}
        tag = f'"v{entry.version}.{_hash(dumped(lasting))}"'
        found = judged.rendered[name] = (dumped(body), tag)
    return found


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:12]


def _unless_known(request: Request, found: tuple[bytes, str]) -> Response:
    body, etag = found
    headers = {"ETag": etag, **ASKED_AGAIN}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return _json(body, headers=headers)


def _json(body: bytes, *, headers: dict[str, str]) -> Response:
    return Response(body, media_type="application/json", headers=headers)
