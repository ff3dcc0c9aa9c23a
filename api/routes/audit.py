"""The audit log: who did what to whom and when, in pages and whole; reading it is recorded."""

import re
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from api.documents import EventPage
from api.identity import NO_AUDIT, Caller
from api.orders import provenance
from api.parts import Parts
from api.render_audit import csv_lines, json_lines
from api.render_history import recorded
from api.tokens import Principal
from api.written import Instant
from domain.facts import AuditRead
from domain.ids import AUDIT_READS_STREAM, OrgId, org_id
from domain.instants import aware, iso
from domain.refusals import NotPermitted, Unacceptable
from domain.upcasts import known_topics
from projections.audit_pages import AuditQuery

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])

_FACTS = {topic: topic.split(".")[1] for topic in known_topics()}
_TOPIC = re.compile(r"entitlements\.[A-Za-z]+\.v[1-9][0-9]*")
Text = Annotated[str | None, Field(max_length=200, pattern=r"^[^\x00-\x1f]*$")]


class UnknownType(Unacceptable):
    """No event is of the type that was asked for."""

    code = "unknown_event_type"

    def __init__(self, name: str) -> None:
        known = sorted(set(_FACTS.values()))
        super().__init__(f"No event is of type '{name}'; there are {', '.join(known)}.", type=name)


class AuditFilter(BaseModel):
    """What to look for; every filter that is given must match."""

    model_config = ConfigDict(extra="forbid")

    org: Text = None
    key: Text = None
    actor: Text = None
    type: Annotated[Text, Field(description="`ModuleGranted` or a whole type")] = None
    source: Text = None
    batch: Text = None
    starts: Annotated[Instant | None, Field(alias="from", description="recorded from")] = None
    ends: Annotated[Instant | None, Field(alias="to", description="recorded before")] = None
    after: Annotated[int | None, Field(ge=0, le=2**53, description="`next` of the page before")] = (
        None
    )
    order: Annotated[Literal["newest", "oldest"], Field(description="which comes first")] = "newest"
    limit: Annotated[int, Field(ge=1, le=1000, description="of a page")] = 50


class ExportFilter(AuditFilter):
    """What to export, and how; `limit` does not apply."""

    format: Literal["jsonl", "csv"] = "jsonl"


@router.get("/events", response_model=EventPage)
async def events(
    request: Request, asked: Annotated[AuditFilter, Query()], parts: Parts, principal: Caller
) -> dict[str, Any]:
    """Events by any of their marks, newest first unless asked otherwise."""
    query = _query(asked, principal)
    by = provenance(request, principal, reason="Read a page of the audit log.", ticket=None)
    await parts.ledger.note(
        AUDIT_READS_STREAM, AuditRead, by=by, query=written_query(query, export=False), export=False
    )
    found, known_to = await parts.audit.page(query)
    return {
        "events": [recorded(entry) for entry in found],
        "next": found[-1].position if len(found) == query.limit else None,
        "known_to": known_to,
    }


@router.get("/export", response_class=StreamingResponse)
async def export(
    request: Request, asked: Annotated[ExportFilter, Query()], parts: Parts, principal: Caller
) -> StreamingResponse:
    """Every event that matches, streamed as JSON Lines or CSV."""
    query = _query(asked, principal)
    by = provenance(request, principal, reason="Exported the audit log.", ticket=None)
    await parts.ledger.note(
        AUDIT_READS_STREAM, AuditRead, by=by, query=written_query(query, export=True), export=True
    )
    pages = await parts.audit.everything(query)  # a refusal must come before the first byte
    csv = asked.format == "csv"
    return StreamingResponse(
        csv_lines(pages) if csv else json_lines(pages),
        media_type="text/csv; charset=utf-8" if csv else "application/jsonl",
        headers={"Content-Disposition": f'attachment; filename="audit.{asked.format}"'},
    )


def _query(asked: AuditFilter, principal: Principal) -> AuditQuery:
    org = org_id(asked.org) if asked.org is not None else None
    _check(principal, org)
    return AuditQuery(
        org=org,
        key=asked.key.lower() if asked.key else None,
        actor=asked.actor,
        types=types_named(asked.type),
        source=asked.source,
        batch=asked.batch,
        starts=aware(asked.starts, field="from") if asked.starts else None,
        ends=aware(asked.ends, field="to") if asked.ends else None,
        after=asked.after,
        newest_first=asked.order == "newest",
        limit=asked.limit,
    )


def _check(principal: Principal, org: OrgId | None) -> None:
    if principal.role not in ("super_admin", "service"):
        raise NotPermitted(NO_AUDIT)
    if principal.org is not None and not principal.is_super_admin and org != principal.org:
        raise NotPermitted(NO_AUDIT)


def types_named(name: str | None) -> tuple[str, ...]:
    """The event types that a name means: a whole type, or a fact in all of its versions."""
    if name is None:
        return ()
    found = tuple(topic for topic, fact in _FACTS.items() if name in (topic, fact))
    if not found and _TOPIC.fullmatch(name):  # perhaps of a fact that a newer version wrote
        return (name,)
    if not found:
        raise UnknownType(name)
    return found


def written_query(query: AuditQuery, *, export: bool) -> dict[str, Any]:
    """A query as it is kept with the fact that it was asked; an export has no limit."""
    fields: dict[str, Any] = {
        name: getattr(query, name)
        for name in ("org", "key", "actor", "source", "batch", "after", "limit", "newest_first")
    }
    if export:
        del fields["limit"]
    fields["types"] = list(query.types)
    fields["from"] = iso(query.starts) if query.starts else None
    fields["to"] = iso(query.ends) if query.ends else None
    return {name: value for name, value in fields.items() if value not in (None, [])}
