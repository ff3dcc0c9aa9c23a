"""Bundles under the seed's name for them: categories."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from api.bodies import Body, Name
from api.documents import ActivatedCategories, Categories, Category, Updated
from api.identity import NamedOrg, Staff
from api.orders import IdempotencyKey, IfMatch
from api.parts import Parts
from api.routes.admin import carried_out
from domain.catalog import Bundle, Catalog
from domain.commands import ApplyBundle, Command, RemoveBundle
from domain.commands.bundles import bundle_source
from domain.ids import org_json
from domain.refusals import Absent, UnknownBundle

router = APIRouter(prefix="/api/v1/admin/categories", tags=["seed"])


class UnknownCategory(Absent):
    """No bundle of that key."""

    code = "unknown_category"

    def __init__(self, error: UnknownBundle) -> None:
        super().__init__(error.message, **error.facts)


class ActivateBody(Body):
    """Grant every module of a category."""

    category: Name

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        return [ApplyBundle(bundle=catalog.bundle(self.category).key)]


class DeactivateBody(Body):
    """End what a category grants."""

    category: Name

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        return [RemoveBundle(bundle=catalog.bundle(self.category).key)]


@router.get("", response_model=Categories)
async def categories(parts: Parts, principal: Staff) -> dict[str, Any]:
    """Every category with its modules."""
    return {"categories": [_category(bundle) for bundle in parts.shelf.catalog.bundles]}


@router.get("/{key}", response_model=Category)
async def category(key: str, parts: Parts, principal: Staff) -> dict[str, Any]:
    """One category."""
    try:
        return _category(parts.shelf.catalog.bundle(key))
    except UnknownBundle as error:
        raise UnknownCategory(error) from error


@router.post("/orgs/{org}/activate", response_model=Updated)
async def activate(
    org: NamedOrg,
    body: ActivateBody,
    request: Request,
    parts: Parts,
    principal: Staff,
    idempotency_key: IdempotencyKey = None,
    if_match: IfMatch = None,
) -> Response:
    """Grant every billable module of a category at once."""
    return await carried_out(
        request, parts, principal, org, body, idempotency_key=idempotency_key, if_match=if_match
    )


@router.post("/orgs/{org}/deactivate", response_model=Updated)
async def deactivate(
    org: NamedOrg,
    body: DeactivateBody,
    request: Request,
    parts: Parts,
    principal: Staff,
    idempotency_key: IdempotencyKey = None,
    if_match: IfMatch = None,
) -> Response:
    """End what a category grants; what other sources give stays."""
    return await carried_out(
        request, parts, principal, org, body, idempotency_key=idempotency_key, if_match=if_match
    )


@router.get("/orgs/{org}/activated", response_model=ActivatedCategories)
async def activated(org: NamedOrg, parts: Parts, principal: Staff) -> dict[str, Any]:
    """The categories that grant an org something."""
    entry = await parts.table.get(org)
    now = parts.clock.now()
    sources = {grant.source for grant in entry.org.grants.values() if grant.active(now)}
    keys = [b.key for b in parts.shelf.catalog.bundles if bundle_source(b.key) in sources]
    return {"org_id": org_json(org), "activated_categories": keys}


def _category(bundle: Bundle) -> dict[str, Any]:
    return {
        "key": bundle.key,
        "display_name": bundle.display_name,
        "description": bundle.description,
        "modules": list(bundle.modules),
        "module_count": len(bundle.modules),
    }
