"""What a cohort is told, for the mail tool: `/admin/rollout/messages`."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from api.identity import Staff
from api.parts import Parts
from api.render_messages import (
    Cohort,
    CohortUnnamed,
    csv_header,
    csv_lines,
    json_lines,
    members,
)
from api.rollout_bodies import share_of
from domain.messages import message_named

router = APIRouter(prefix="/api/v1/admin/rollout", tags=["rollout"])


@router.get("/messages", response_class=StreamingResponse)
async def messages(
    parts: Parts,
    principal: Staff,
    template: Annotated[
        str, Query(max_length=64, description="pre-rollout, early-access, post-rollout, rollback")
    ],
    percent: Annotated[float | None, Query(ge=0, le=100)] = None,
    tag: Annotated[str | None, Query(max_length=64)] = None,
    form: Annotated[Literal["csv", "jsonl"], Query(alias="format")] = "csv",
) -> StreamingResponse:
    """A message of the plan to each org of a cohort, as lines with org, cohort, subject and body.

    The ledger keeps no addresses: the tool that sends knows the people of an org.
    """
    message = message_named(template)
    if (percent is None) == (tag is None):
        raise CohortUnnamed
    cohort = Cohort(share_of(percent) if percent is not None else None, tag)
    pages = members(parts.rollouts, cohort)
    first = await anext(pages)  # so that a database that is away is a 503 and no broken file
    lines = csv_lines if form == "csv" else json_lines

    async def content() -> AsyncIterator[str]:
        if form == "csv":
            yield csv_header()
        yield lines(first, message, cohort)
        async for page in pages:
            yield lines(page, message, cohort)

    return StreamingResponse(
        content(),
        media_type="text/csv; charset=utf-8" if form == "csv" else "application/jsonl",
        headers={"Content-Disposition": f'attachment; filename="{message.name}.{form}"'},
    )
