"""The seed's reads for an org's own people: the map and the legacy column."""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.documents import OrgEntitlements
from api.identity import Caller, VisibleOrg
from api.instants import AsOf, PointInTime
from api.orders import version_in
from api.parts import ApiParts, Parts
from api.render import dumped, org_entitlements
from domain.ids import OrgId
from domain.instants import iso
from projections.legacy import enabled_modules
from projections.table import Judged

router = APIRouter(prefix="/api/v1", tags=["seed"])

MinVersion = Annotated[
    str | None,
    Query(description="a consistency token: answer from this version of the org or a newer one"),
]


@router.get("/orgs/entitlements", response_model=OrgEntitlements)
@router.get("/organizations/entitlements", response_model=OrgEntitlements)
async def own_entitlements(
    request: Request, parts: Parts, principal: Caller, min_version: MinVersion = None
) -> Response:
    """The effective entitlements of the caller's own org."""
    if principal.org is None:
        return _json(dumped({"org_id": 0, "entitlements": {}}))
    return await _map(request, parts, principal.org, min_version)


@router.get("/orgs/{org}/entitlements", response_model=OrgEntitlements)
async def entitlements(
    request: Request,
    org: VisibleOrg,
    parts: Parts,
    point: PointInTime,
    min_version: MinVersion = None,
) -> Response:
    """The effective entitlements of an org, now or as of any instant.

    The ETag of the present ones also serves as `If-Match` of a command. `at` asks what was
    effective then, `known_at` by what had been recorded then; a pair of both that lies in the past
    never changes and may be kept for ever.
    """
    if point.asked:
        return await _map_as_of(parts, org, point)
    return await _map(request, parts, org, min_version)


@router.get("/orgs/{org}/enabled_modules", response_model=dict[str, bool])
async def legacy_view(org: VisibleOrg, parts: Parts) -> Response:
    """The legacy column: `{UPPER_KEY: bool}`, false from the instant a trial lapses."""
    entry = await parts.table.get(org)
    judged = entry.judged(parts.shelf.catalog, parts.clock.now())
    return _json(dumped(enabled_modules(judged.catalog, judged.states)))


async def _map(request: Request, parts: ApiParts, org: OrgId, min_version: str | None) -> Response:
    wanted = version_in(min_version, header="min_version") or 0
    entry = await parts.table.get(org, min_version=wanted)
    judged = entry.judged(parts.shelf.catalog, parts.clock.now())
    found = judged.rendered.get("map")
    if found is None:
        body = dumped(org_entitlements(org, entry.lanes, judged))
        etag = f'"v{entry.version}.{hashlib.sha256(body).hexdigest()[:12]}"'
        found = judged.rendered["map"] = (body, etag)
    body, etag = found
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return _json(body, headers=headers)


async def _map_as_of(parts: ApiParts, org: OrgId, point: AsOf) -> Response:
    history = await parts.histories.of(org, known_at=point.recorded_by)
    catalog = await parts.histories.catalog_at(min(point.at, point.known_at))
    judged = Judged(history.lanes, catalog, point.at)
    body = org_entitlements(org, history.lanes, judged) | {
        "at": iso(point.at),
        "known_at": iso(point.known_at),
        "org_version": history.version,
        "catalog_version": catalog.version,
    }
    kept = "private, max-age=31536000, immutable" if point.settled else "private, no-store"
    return _json(dumped(body), headers={"Cache-Control": kept})


def _json(body: bytes, *, headers: dict[str, Any] | None = None) -> Response:
    return Response(body, media_type="application/json", headers=headers)
