"""Batches: rows for many orgs at once, what a batch did, and undoing it."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.bodies import Body
from api.bulk import read_rows
from api.documents_batches import ROWS, BatchAnswer, BatchShown, UndoAnswer
from api.identity import AllSeeing
from api.orders import provenance
from api.parts import Parts
from api.render import dumped
from api.render_batches import applied, shown, undone
from api.row_files import Format
from api.tokens import Principal
from domain.actors import Provenance
from domain.batches import batch_id, chosen_id
from domain.ids import uuid7
from domain.refusals import Unacceptable

router = APIRouter(prefix="/api/v1", tags=["batches"])

_FORMATS: dict[str, Format] = {
    "application/x-ndjson": "jsonl",
    "application/ndjson": "jsonl",
    "application/jsonl": "jsonl",
    "application/x-jsonlines": "jsonl",
    "text/csv": "csv",
}

_ORG = r"^[A-Za-z0-9_.\-]{0,64}$"

Shown = Annotated[
    Literal["all", "failures"], Field(description="answer every result, or those to look at")
]


class UnknownFormat(Unacceptable):
    """The body does not say that it is of a form that can be read."""

    code = "unknown_format"
    hint = (
        "Send JSON Lines with 'Content-Type: application/x-ndjson' or CSV with "
        "'Content-Type: text/csv'; curl needs --data-binary."
    )

    def __init__(self, named: str) -> None:
        super().__init__(f"'{named[:80]}' is neither JSON Lines nor CSV.", content_type=named[:80])


class HeaderNotHeeded(Unacceptable):
    """A header that governs a single command, with a batch."""

    code = "header_not_heeded"
    hint = (
        "Choose a 'batch_id': the same rows under the same id act once. For a batch that is to "
        "find everything as it was, make a dry run and send its 'plan_token'."
    )

    def __init__(self, header: str) -> None:
        super().__init__(f"'{header}' means nothing for a batch.", header=header)


class BatchTerms(BaseModel):
    """How a batch is to be applied; a misspelt parameter is refused rather than not heeded."""

    model_config = ConfigDict(extra="forbid")

    reason: str | None = Field(default=None, description="of rows that have none of their own")
    ticket: str | None = Field(default=None, description="the same")
    batch_id: str | None = Field(
        default=None, description="8 to 64 characters; the same rows under the same id go on"
    )
    dry_run: bool = Field(default=False, description="answer what would happen, change nothing")
    plan_token: str | None = Field(
        default=None, description="from a dry run: apply only if nothing it read has moved"
    )
    results: Shown = "all"


async def named_batch(
    batch: Annotated[str, Path(description="the id of a batch")], principal: AllSeeing
) -> str:
    """The batch a path names."""
    return batch_id(batch)


NamedBatch = Annotated[str, Depends(named_batch)]


class UndoBody(Body):
    """Why a batch is undone."""


@router.post("/commands/bulk", response_model=BatchAnswer, openapi_extra=ROWS)
async def bulk(
    request: Request, asked: Annotated[BatchTerms, Query()], parts: Parts, principal: AllSeeing
) -> Response:
    """Many commands for many orgs: all or none of each org's rows, a result for each row.

    A row that makes no sense, or that is refused, keeps back the rows of its org and of no other.
    """
    for header in ("Idempotency-Key", "If-Match"):
        if header in request.headers:
            raise HeaderNotHeeded(header)
    form = _format(request)
    made = str(uuid7(parts.clock.now()))
    chosen = chosen_id(asked.batch_id) if asked.batch_id is not None else made
    rows = await asyncio.to_thread(
        read_rows,
        await request.body(),
        form=form,
        reason=asked.reason,
        ticket=asked.ticket,
        word=partial(_word, request, principal),
    )
    found = await parts.batches.apply(
        rows, batch_id=chosen, dry_run=asked.dry_run, plan_token=asked.plan_token
    )
    only = asked.results == "failures"
    return await _answer(lambda: applied(found, failures_only=only))


@router.get("/batches/{batch}", response_model=BatchShown)
async def show(
    batch: NamedBatch,
    parts: Parts,
    after: Annotated[str, Query(pattern=_ORG, description="`next` of the page before")] = "",
    limit: Annotated[int, Query(ge=1, le=1000, description="of a page")] = 50,
) -> dict[str, Any]:
    """What a batch did: counts, the first and the last event, and its orgs in pages."""
    return shown(await parts.batches.show(batch, after=after, limit=limit), limit=limit)


@router.post("/batches/{batch}/undo", response_model=UndoAnswer)
async def undo(
    batch: NamedBatch,
    body: UndoBody,
    request: Request,
    parts: Parts,
    principal: AllSeeing,
    results: Annotated[Shown, Query()] = "all",
) -> Response:
    """End what a batch gave and give again what it took; what somebody changed since is left alone.

    The undo is a batch of its own, `undo-<batch>`, and acts once; it can be undone in turn.
    """
    found = await parts.batches.undo(
        batch,
        by=provenance(request, principal, reason=body.reason, ticket=body.ticket),
        dry_run=body.dry_run,
        plan_token=body.plan_token,
    )
    return await _answer(lambda: undone(found, failures_only=results == "failures"))


async def _answer(body: Callable[[], dict[str, Any]]) -> Response:
    """Thousands of results are put into words aside, so that the loop serves others meanwhile."""
    content = await asyncio.to_thread(lambda: dumped(body()))
    return Response(content, media_type="application/json")


def _format(request: Request) -> Format:
    named = request.headers.get("content-type", "")
    form = _FORMATS.get(named.partition(";")[0].strip().lower())
    if form is None:
        raise UnknownFormat(named)
    return form


def _word(request: Request, principal: Principal, reason: str, ticket: str | None) -> Provenance:
    return provenance(request, principal, reason=reason, ticket=ticket)
