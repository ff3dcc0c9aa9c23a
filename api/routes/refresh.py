"""A manual refresh: for when somebody doubts what a server shows."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from api.identity import NamedOrg, Staff
from api.parts import Parts
from domain.ids import org_json
from projections.feed import tell_to_refresh

router = APIRouter(prefix="/api/v1", tags=["operations"])


class Refreshed(BaseModel):
    """The version that this server has read anew."""

    org_id: int | str
    org_version: int


@router.post("/orgs/{org}/refresh", response_model=Refreshed)
async def refresh(org: NamedOrg, parts: Parts, principal: Staff) -> dict[str, Any]:
    """Read an org anew here, and let every other server do so. Nothing of it changes."""
    parts.table.forget(org)
    entry = await parts.table.get(org)
    async with parts.ledger.reading() as connection:
        await tell_to_refresh(connection, org)
    return {"org_id": org_json(org), "org_version": entry.version}
