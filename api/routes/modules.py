"""The other way round: which orgs hold a module, now or as of any instant."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from api.documents import Holders
from api.identity import AllSeeing
from api.instants import AsOf, PointInTime
from api.parts import ApiParts, Parts
from domain.catalog import Catalog, Key, module_of
from domain.effective import Effective, Lanes, effective, expires_at
from domain.ids import OrgId, org_json
from domain.instants import iso
from domain.refusals import Unacceptable, UnknownOrg

router = APIRouter(prefix="/api/v1/modules", tags=["history"])

_CANDIDATES = 200  # orgs looked at between two questions to the database
_ROUNDS = 10  # questions in one request; `next` leads on, even after an empty page


class HeldByAll(Unacceptable):
    """The key is never gated, so every org has it."""

    code = "held_by_all"
    hint = "GET /api/v1/admin/orgs lists every organisation."

    def __init__(self, key: Key, *, kind: str) -> None:
        super().__init__(f"'{key}' is {kind}: every organisation has it.", key=key)


@router.get("/{key}/orgs", response_model=Holders)
async def holders(
    key: str,
    parts: Parts,
    point: PointInTime,
    principal: AllSeeing,
    status: Annotated[
        Literal["enabled", "trial"] | None, Query(description="absent: either of both")
    ] = None,
    after: Annotated[str, Query(max_length=64, pattern=r"^[^\x00-\x1f]*$")] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> dict[str, Any]:
    """The orgs for which a key is enabled or on trial, a page at a time."""
    catalog = await _catalog(parts, point)
    wanted = catalog.resolve(key)
    if catalog.module(wanted).exempt:
        raise HeldByAll(wanted, kind=catalog.module(wanted).kind)
    rows: list[dict[str, Any]] = []
    last: str | None = after
    for _ in range(_ROUNDS):
        if len(rows) == limit or last is None:
            break
        candidates = await parts.audit.orgs_naming(
            [module_of(wanted), wanted], after=last, limit=_CANDIDATES
        )
        last = candidates[-1] if len(candidates) == _CANDIDATES else None
        for org in candidates:
            row = await _row(parts, point, catalog, wanted, org)
            if row is None or status not in (None, row["status"]):
                continue
            if len(rows) == limit:
                last = candidates[candidates.index(org) - 1]
                break
            rows.append(row)
    return {
        "key": wanted,
        "at": iso(point.at),
        "known_at": iso(point.known_at),
        "catalog_version": catalog.version,
        "orgs": rows,
        "next": last,
    }


async def _catalog(parts: ApiParts, point: AsOf) -> Catalog:
    if not point.asked:
        return parts.shelf.catalog
    return await parts.histories.catalog_at(min(point.at, point.known_at))


async def _row(
    parts: ApiParts, point: AsOf, catalog: Catalog, key: Key, org: OrgId
) -> dict[str, Any] | None:
    lanes = await _lanes(parts, point, org)
    state = effective(lanes, catalog, key, point.at) if lanes else Effective.DISABLED
    if lanes is None or state is Effective.DISABLED:
        return None
    ends = expires_at(lanes, catalog, key, point.at)
    return {
        "org_id": org_json(org),
        "status": state.label,
        "expires_at": iso(ends) if ends else None,
    }


async def _lanes(parts: ApiParts, point: AsOf, org: OrgId) -> Lanes | None:
    if not point.asked:
        return (await parts.table.get(org)).lanes
    try:
        return (await parts.histories.of(org, known_at=point.recorded_by)).lanes
    except UnknownOrg:  # it came later
        return None
