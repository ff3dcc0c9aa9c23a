"""From a request to an order: provenance, Idempotency-Key, If-Match, and back to an answer."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID, uuid5

from fastapi import Header, Request
from fastapi.responses import Response
from pydantic import BaseModel

from api.tokens import Principal
from domain.actors import Actor, Provenance
from domain.orders import Answer
from domain.refusals import Unacceptable

_COMMANDS = UUID("b3a1c2de-5f43-4c7a-9d55-0a5d6a0f6c11")  # never rename: command ids derive from it
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_ETAG = re.compile(r'(?:W/)?"?v?(\d{1,18})(?:\.[^"]*)?"?')
_VISIBLE = re.compile(r"[\x21-\x7e]{1,255}")
_NOT_PRINTED = frozenset(("dry_run", "plan_token"))


class InvalidHeader(Unacceptable):
    """A header has a value that means nothing here."""

    code = "invalid_header"

    def __init__(self, header: str, *, wanted: str) -> None:
        super().__init__(f"'{header}' must be {wanted}.", header=header)


IdempotencyKey = Annotated[
    str | None,
    Header(description="1 to 255 visible characters; the same key and body acts once"),
]
IfMatch = Annotated[
    str | None, Header(description='an ETag such as `"v7"`: refuse unless that is the version')
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the headers say about how an order is to be carried out."""

    command_id: UUID | None
    fingerprint: bytes
    if_match: int | None


def terms(
    request: Request,
    body: BaseModel,
    principal: Principal,
    *,
    idempotency_key: str | None,
    if_match: str | None,
) -> Terms:
    """Read the headers of a command.

    The fingerprint covers route and body, without what tells a preview from its application.
    """
    content = body.model_dump(mode="json", by_alias=True, exclude=set(_NOT_PRINTED))
    printed = [request.method, request.url.path, content]
    return Terms(
        command_id=command_id_of(principal, idempotency_key),
        fingerprint=hashlib.sha256(json.dumps(printed, sort_keys=True).encode()).digest(),
        if_match=version_in(if_match, header="If-Match"),
    )


def version_in(tag: str | None, *, header: str) -> int | None:
    """The org version that an ETag (`"v7"`), or a consistency token (`v7`), stands for."""
    if tag is None or tag.strip() == "*":
        return None
    found = _ETAG.fullmatch(tag.strip())
    if found is None:
        raise InvalidHeader(header, wanted='a version such as "v7"')
    return int(found[1])


def provenance(
    request: Request, principal: Principal, *, reason: str, ticket: str | None
) -> Provenance:
    """Who says so and why; the actor is always the one the token names."""
    trace = request.headers.get("traceparent", "")
    correlation = request.headers.get("x-request-id", "")
    return Provenance(
        actor=Actor(id=principal.sub, type=principal.role),
        reason=reason,
        ticket=ticket,
        correlation_id=correlation if _VISIBLE.fullmatch(correlation) else None,
        traceparent=trace if _TRACEPARENT.fullmatch(trace) else None,
    )


def etag_of(version: int) -> str:
    """The ETag of an org's version."""
    return f'"v{version}"'


def command_answer(answer: Answer) -> Response:
    """The body of a command's answer; the same answer always gives the same bytes."""
    previewed = answer.plan_token is not None
    body: dict[str, Any] = {
        "event_ids": [] if previewed else list(answer.event_ids),
        "positions": answer.positions,
        "org_version": answer.org_version,
        "consistency_token": f"v{answer.org_version}",
        "changed": answer.changed,
        "before": answer.before,
        "after": answer.after,
        "remaining_sources": list(answer.remaining_sources),
        "warnings": list(answer.warnings),
    }
    if previewed:
        body |= {"dry_run": True, "plan_token": answer.plan_token}
    return Response(
        json.dumps(body, separators=(",", ":"), ensure_ascii=False),
        media_type="application/json",
        headers={"ETag": etag_of(answer.org_version)},
    )


def command_id_of(principal: Principal, key: str | None) -> UUID | None:
    """The command that an Idempotency-Key stands for; every principal has keys of its own."""
    if key is None:
        return None
    if not _VISIBLE.fullmatch(key):
        raise InvalidHeader("Idempotency-Key", wanted="1 to 255 visible characters")
    return uuid5(_COMMANDS, json.dumps([principal.role, principal.sub, key]))


def last_position(answer: Answer, *, otherwise: int = 0) -> int:
    """The position of the last event of an answer."""
    return answer.positions[-1] if answer.positions else otherwise
