"""Tells a browser to ask again: when its org moved, crossed a boundary, or the rules changed."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response

from api.identity import Unauthenticated
from api.ofrep.signed import read
from api.parts import ApiParts, Parts
from api.routes.watch import EventStream
from domain.ids import OrgId
from domain.refusals import Unavailable, UnknownOrg
from projections.watch import Change, Watcher

router = APIRouter(prefix="/ofrep/v1", tags=["OFREP"])

PATH = "/ofrep/v1/events"
KEEP_ALIVE_SECONDS = 15
_LOOK_SECONDS = 1.0  # at boundaries, which no event announces
_SETTLING_SECONDS = 5.0
_AGAIN = json.dumps({"type": "refetchEvaluation"}, separators=(",", ":"))


@router.get(
    "/events",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def events(
    parts: Parts,
    token: Annotated[
        str | None, Query(max_length=300, description="from a bulk evaluation's `eventStreams`")
    ] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Server-Sent Events `{"type":"refetchEvaluation"}` for the org that the URL was signed for.

    The last one is sent as the URL ends: evaluating again gives a new one.
    """
    if token is None:
        raise Unauthenticated("Take the URL as a bulk evaluation gives it, with its token.")
    org, end = read(token, now=parts.clock.now(), key=parts.stream_key)
    watcher = parts.watch.join()
    pieces = _pieces(parts, watcher, org, end, returning=last_event_id is not None)
    return EventStream(pieces, watch=parts.watch, watcher=watcher)


async def _pieces(
    parts: ApiParts, watcher: Watcher, org: OrgId, end: datetime, *, returning: bool
) -> AsyncIterator[bytes]:
    seconds = asyncio.get_running_loop().time
    yield b"retry: 3000\n\n"
    if returning:  # whatever happened in the meantime
        yield _again(parts)
    boundary, due = await _boundary(parts, org), seconds() + KEEP_ALIVE_SECONDS
    while parts.clock.now() < end:
        changes = [change for change in watcher.drain() if change.org in (None, org)]
        crossed = boundary is not None and parts.clock.now() >= boundary
        if changes or crossed:
            await _settled(parts, changes)
            yield _again(parts)
            boundary = await _boundary(parts, org)
        elif seconds() >= due:
            yield b": still here\n\n"
        else:
            await watcher.pause(_LOOK_SECONDS)
            continue
        due = seconds() + KEEP_ALIVE_SECONDS
    yield _again(parts)


def _again(parts: ApiParts) -> bytes:
    return f"id: {parts.watch.position}\ndata: {_AGAIN}\n\n".encode()


async def _boundary(parts: ApiParts, org: OrgId) -> datetime | None:
    """The next instant at which something of the org changes by itself."""
    try:
        entry = await parts.table.get(org)
    except (UnknownOrg, Unavailable):
        return None
    return entry.lanes.next_boundary(after=parts.clock.now())


async def _settled(parts: ApiParts, changes: list[Change]) -> None:
    """Waits until this process decides by what it heard of: a catalog is read after it is told."""
    with_catalog = max((c.version for c in changes if c.kind == "catalog"), default=0)
    with_rollout = max((c.version for c in changes if c.kind == "rollout"), default=0)
    give_up = asyncio.get_running_loop().time() + _SETTLING_SECONDS
    while asyncio.get_running_loop().time() < give_up:
        settled = parts.shelf.version >= with_catalog and parts.gates.gating.version >= with_rollout
        if settled:
            return
        await asyncio.sleep(0.05)
