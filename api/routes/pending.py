"""What is scheduled for an org, for super admins and services."""

from typing import Any

from fastapi import APIRouter

from api.documents_pending import PendingChanges
from api.identity import Auditor, NamedOrg
from api.parts import Parts
from api.render_pending import pending_change
from domain.ids import org_json
from domain.instants import iso
from domain.pending import pending

router = APIRouter(prefix="/api/v1", tags=["history"])


@router.get("/orgs/{org}/pending", response_model=PendingChanges)
async def pending_changes(org: NamedOrg, parts: Parts, principal: Auditor) -> dict[str, Any]:
    """Every instant at which something will begin or end, with who scheduled it and why.

    `change_id` names a change to `cancel-scheduled`; one that is moved gets another.
    """
    now = parts.clock.now()
    history = await parts.histories.of(org)
    catalog = parts.shelf.catalog
    return {
        "org_id": org_json(org),
        "org_version": history.version,
        "catalog_version": catalog.version,
        "evaluated_at": iso(now),
        "pending": [pending_change(found) for found in pending(history, catalog, at=now)],
    }
