"""The super-admin bypass: recorded first, allowed second; sessions, and the review of both."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from api.bypassing import bypassing, used
from api.documents_bypass import BypassPage, SessionBody, SessionState, UseBody, Used
from api.identity import AllSeeing, Caller, Staff
from api.orders import provenance
from api.parts import ApiParts, Parts
from api.render_audit import csv_lines, json_lines
from api.render_history import recorded
from api.routes.audit import Text, written_query
from api.written import Instant
from domain.bypass import BYPASS_FACTS, Session
from domain.facts import AuditRead
from domain.ids import AUDIT_READS_STREAM, org_id, org_json
from domain.instants import aware, iso
from projections.audit_pages import AuditQuery

router = APIRouter(prefix="/api/v1", tags=["bypass"])

_TOPICS = tuple(fact.TOPIC for fact in BYPASS_FACTS)
SessionId = Annotated[str, Path(max_length=64)]


@router.post("/bypass/uses", response_model=Used)
async def use(
    body: UseBody,
    request: Request,
    parts: Parts,
    principal: Caller,
    reason: Annotated[str | None, Header(alias="X-Bypass-Reason")] = None,
) -> dict[str, Any]:
    """Let a super admin use what is denied, once that is on record.

    What is not denied is simply allowed, and nothing is recorded. 503 where it could not be
    recorded: then there is no access.
    """
    actor = bypassing(principal, body)
    by = provenance(request, principal, reason="Asks for a bypass.", ticket=None)
    said = body.reason or (reason and _meant(reason))
    return await used(parts, body, actor=actor, reason=said, traceparent=by.traceparent)


def _meant(header: str) -> str:
    """A header as who wrote it meant it: in UTF-8, where it is that (RFC 9110 leaves it open)."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeDecodeError:
        return header


@router.post("/bypass/sessions", response_model=SessionState, status_code=201)
async def open_session(
    body: SessionBody, request: Request, parts: Parts, principal: Staff
) -> dict[str, Any]:
    """Open a session: one reason for every bypass for one org, for 60 minutes or up to 240."""
    org = org_id(body.org)
    await parts.table.get(org)  # there must be such an org
    by = provenance(request, principal, reason=body.reason, ticket=body.ticket)
    session = await parts.bypasses.sessions.open(org, minutes=body.minutes, by=by)
    return _session(parts, session, changed=True)


@router.get("/bypass/sessions/{session_id}", response_model=SessionState)
async def session(session_id: SessionId, parts: Parts, principal: AllSeeing) -> dict[str, Any]:
    """A session, whether it is open or over."""
    return _session(parts, await parts.bypasses.sessions.find(session_id), changed=False)


@router.delete("/bypass/sessions/{session_id}", response_model=SessionState)
async def close_session(
    session_id: SessionId, request: Request, parts: Parts, principal: Staff
) -> dict[str, Any]:
    """Close a session before its end; one that is over stays as it is."""
    by = provenance(request, principal, reason="The session was closed.", ticket=None)
    closed, ended = await parts.bypasses.sessions.close(session_id, by=by)
    return _session(parts, closed, changed=ended)


class BypassFilter(BaseModel):
    """Which bypasses; every filter that is given must match."""

    model_config = ConfigDict(extra="forbid")

    actor: Text = None
    org: Text = None
    key: Text = None
    session: Text = None
    starts: Annotated[Instant | None, Field(alias="from", description="recorded from")] = None
    ends: Annotated[Instant | None, Field(alias="to", description="recorded before")] = None
    after: Annotated[int | None, Field(ge=0, le=2**53)] = None
    order: Literal["newest", "oldest"] = "newest"
    limit: Annotated[int, Field(ge=1, le=1000, description="of a page")] = 50
    format: Annotated[
        Literal["json", "jsonl", "csv"], Field(description="jsonl and csv stream everything")
    ] = "json"


@router.get("/audit/bypasses", response_model=BypassPage)
async def bypasses(
    request: Request, asked: Annotated[BypassFilter, Query()], parts: Parts, principal: AllSeeing
) -> Any:
    """Uses, refusals and sessions, by actor, org, key, session and time; reading is recorded.

    `format=csv` with `from` and `to` is the weekly review: every line with its reason and ticket.
    """
    query = AuditQuery(
        org=org_id(asked.org) if asked.org is not None else None,
        key=asked.key.lower() if asked.key else None,
        actor=asked.actor,
        types=_TOPICS,
        batch=asked.session,
        starts=aware(asked.starts, field="from") if asked.starts else None,
        ends=aware(asked.ends, field="to") if asked.ends else None,
        after=asked.after,
        newest_first=asked.order == "newest",
        limit=asked.limit,
    )
    streamed = asked.format != "json"
    by = provenance(request, principal, reason="Reviewed the bypasses.", ticket=None)
    await parts.ledger.note(
        AUDIT_READS_STREAM,
        AuditRead,
        by=by,
        query=written_query(query, export=streamed),
        export=streamed,
    )
    if streamed:
        return await _export(parts, query, asked.format)
    found, known_to = await parts.audit.page(query)
    return {
        "events": [recorded(entry) for entry in found],
        "next": found[-1].position if len(found) == query.limit else None,
        "known_to": known_to,
    }


async def _export(parts: ApiParts, query: AuditQuery, form: str) -> StreamingResponse:
    pages = await parts.audit.everything(query)
    return StreamingResponse(
        csv_lines(pages) if form == "csv" else json_lines(pages),
        media_type="text/csv; charset=utf-8" if form == "csv" else "application/jsonl",
        headers={"Content-Disposition": f'attachment; filename="bypasses.{form}"'},
    )


def _session(parts: ApiParts, found: Session, *, changed: bool) -> dict[str, Any]:
    return {
        "session_id": found.id,
        "org_id": org_json(found.org),
        "actor": found.actor,
        "reason": found.reason,
        "ticket": found.ticket,
        "opened_at": iso(found.opened_at),
        "ends_at": iso(found.ends_at),
        "closed_at": iso(found.closed_at) if found.closed_at else None,
        "open": found.over_at(parts.clock.now()) is None,
        "changed": changed,
    }
