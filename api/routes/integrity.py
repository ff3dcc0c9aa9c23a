"""Whether the log is still what was written, and the checkpoints that prove it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from api.documents_integrity import Checkpoints, Verification
from api.identity import AllSeeing
from api.parts import Parts
from api.render_integrity import checkpoint_page, verification
from domain.ids import org_id

router = APIRouter(prefix="/api/v1/audit", tags=["integrity"])


@router.get("/verify", response_model=Verification)
async def verify(
    parts: Parts,
    principal: AllSeeing,
    org: Annotated[
        str | None, Query(description="verify the events of one org; absent: the whole log")
    ] = None,
) -> dict[str, Any]:
    """Recompute the chain and name its first break. 200 either way: `ok` tells.

    Who asks while a verification runs waits for that one.
    """
    named = org_id(org) if org is not None else None
    return verification(await parts.integrity.verify(named))


@router.get("/checkpoints", response_model=Checkpoints)
async def checkpoints(
    parts: Parts,
    principal: AllSeeing,
    after: Annotated[int, Query(ge=0, le=2**53, description="`next` of the page before")] = 0,
    limit: Annotated[int, Query(ge=1, le=1000, description="of a page")] = 50,
) -> dict[str, Any]:
    """The signed checkpoints that this machine keeps outside the database, oldest first."""
    return checkpoint_page(await parts.integrity.checkpoints(after=after, limit=limit))
