"""The seed's routes for super admins: the taxonomy, one org's entitlements, and changing them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.bodies import Body, Name, Reference
from api.documents import AdminEntitlements, CatalogModules, Updated
from api.identity import NamedOrg, Staff
from api.orders import (
    IdempotencyKey,
    IfMatch,
    etag_of,
    last_position,
    provenance,
    terms,
)
from api.parts import ApiParts, Parts
from api.render import admin_entitlements, catalog_modules, dumped
from api.tokens import Principal
from api.written import Instant
from domain.catalog import Catalog
from domain.commands import Command, SetStatus, SetSubmodule
from domain.commands.status import Status
from domain.ids import OrgId
from domain.lanes import ADMIN_SOURCE
from domain.orders import Answer, Order
from domain.org import Org
from projections.table import Judged

router = APIRouter(prefix="/api/v1/admin", tags=["seed"])

MOST_CHANGES = 500


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ModuleChange(_Strict):
    """A module's new status; without one nothing about it changes."""

    module_key: Name
    status: Status | None = None
    trial_expires_at: Instant | None = None
    source: Reference | None = None


class SubmoduleChange(_Strict):
    """A submodule switched on or off."""

    module_key: Name
    submodule_key: Name
    enabled: bool
    source: Reference | None = None


class Changes(_Strict):
    """A diff: what is not named stays as it is."""

    modules: Annotated[list[ModuleChange], Field(max_length=MOST_CHANGES)] = []
    submodules: Annotated[list[SubmoduleChange], Field(max_length=MOST_CHANGES)] = []


class UpdateBody(Body):
    """The seed's diff-only update: all of it or nothing."""

    changes: Changes

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        wanted: list[Command] = []
        for change in self.changes.modules:
            key = catalog.resolve_module(change.module_key)
            if change.status is not None:
                wanted.append(
                    SetStatus(
                        key=key,
                        status=change.status,
                        trial_ends=change.trial_expires_at,
                        source=change.source or ADMIN_SOURCE,
                    )
                )
        for sub in self.changes.submodules:
            key = catalog.resolve(f"{sub.module_key}.{sub.submodule_key}")
            wanted.append(
                SetSubmodule(key=key, enabled=sub.enabled, source=sub.source or ADMIN_SOURCE)
            )
        return wanted


@router.get("/modules", response_model=CatalogModules)
async def modules(parts: Parts, principal: Staff) -> Response:
    """Every module and submodule there is."""
    body = dumped(catalog_modules(parts.shelf.catalog))
    return Response(body, media_type="application/json")


@router.get("/orgs/{org}/entitlements", response_model=AdminEntitlements)
async def org_for_staff(org: NamedOrg, parts: Parts, principal: Staff) -> Response:
    """What one org has, and where it comes from."""
    entry = await parts.table.get(org)
    judged = entry.judged(parts.shelf.catalog, parts.clock.now())
    body = admin_entitlements(org, entry.org.name, entry.lanes, judged)
    headers = {"ETag": etag_of(entry.version)}
    return Response(dumped(body), media_type="application/json", headers=headers)


@router.put("/orgs/{org}/entitlements", response_model=Updated)
async def update(
    org: NamedOrg,
    body: UpdateBody,
    request: Request,
    parts: Parts,
    principal: Staff,
    idempotency_key: IdempotencyKey = None,
    if_match: IfMatch = None,
) -> Response:
    """Change modules and submodules of one org, all of it or nothing."""
    return await carried_out(
        request,
        parts,
        principal,
        org,
        body,
        idempotency_key=idempotency_key,
        if_match=if_match,
    )


async def carried_out(
    request: Request,
    parts: ApiParts,
    principal: Principal,
    org: OrgId,
    body: Body,
    *,
    idempotency_key: str | None,
    if_match: str | None,
) -> Response:
    """Execute a body's commands and answer as the seed does."""
    how = terms(request, body, principal, idempotency_key=idempotency_key, if_match=if_match)
    answer = await parts.ledger.execute(
        Order(
            org=org,
            commands=body.commands,
            by=provenance(request, principal, reason=body.reason, ticket=body.ticket),
            command_id=how.command_id,
            fingerprint=how.fingerprint,
            if_match=how.if_match,
            dry_run=body.dry_run,
            plan_token=body.plan_token,
            addendum=_afterwards,
        )
    )
    return _updated(answer)


def _afterwards(org: Org, catalog: Catalog, at: datetime) -> dict[str, Any]:
    return admin_entitlements(org.org_id, org.name, org.lanes, Judged(org.lanes, catalog, at))


def _updated(answer: Answer) -> Response:
    body: dict[str, Any] = {
        "success": True,
        "message": "Entitlements updated successfully",
        "event_id": last_position(answer),
        "updated_entitlements": answer.addendum,
        "changed": answer.changed,
        "org_version": answer.org_version,
        "warnings": list(answer.warnings),
    }
    if answer.plan_token is not None:
        body |= {"dry_run": True, "plan_token": answer.plan_token}
    headers = {"ETag": etag_of(answer.org_version)}
    return Response(dumped(body), media_type="application/json", headers=headers)
