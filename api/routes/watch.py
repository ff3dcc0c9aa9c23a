"""Changes as they happen, as Server-Sent Events: what moved, so that caches can let go of it.

Each event's `id` is its position in the ledger. A heartbeat each second, as long as this process
itself hears of changes, and a checkpoint each ten say that nothing up to their position is missing.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from api.identity import AllSeeing
from api.parts import ApiParts, Parts
from domain.ids import org_json
from domain.instants import iso
from domain.refusals import Unacceptable
from projections.watch import (
    MOST_BEHIND,
    Change,
    Watch,
    Watcher,
    changes_between,
    head_of_log,
)

router = APIRouter(prefix="/api/v1", tags=["decisions"])

HEARTBEAT_SECONDS = 1.0
HEARTBEATS_A_CHECKPOINT = 10
PATH = "/api/v1/watch"
_EXAMPLE = 'id: 1234\nevent: org\ndata: {"org_id":42,"org_version":7,"position":1234,…}\n\n'


class InvalidPosition(Unacceptable):
    """`Last-Event-ID` is not one of ours."""

    code = "invalid_position"
    hint = (
        "Send the id of the last event you had, or leave the header out to begin with a snapshot."
    )

    def __init__(self, sent: str) -> None:
        super().__init__(f"'{sent[:40]}' is not a position.", position=sent[:40])


class EventStream(Response):
    """Sends pieces until the client hangs up or the watcher is dropped, who then leaves."""

    media_type = "text/event-stream"

    def __init__(self, pieces: AsyncIterator[bytes], *, watch: Watch, watcher: Watcher) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._pieces = pieces
        self._watch = watch
        self._watcher = watcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ends = [
            asyncio.create_task(self._send(send)),
            asyncio.create_task(_hung_up(receive)),
            asyncio.create_task(self._watcher.dropped.wait()),
        ]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._watch.leave(self._watcher)
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@router.get(
    "/watch",
    response_class=Response,
    responses={
        200: {
            "description": "events `org`, `catalog`, `rollout`, `heartbeat`, `checkpoint`, "
            "and `hydrate`: forget everything and go on from there",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
        }
    },
)
async def watch(
    parts: Parts,
    principal: AllSeeing,
    since: Annotated[
        int | None, Query(ge=0, description="the last position seen; absent: from now on")
    ] = None,
    last_event_id: Annotated[
        str | None, Header(description="the same, as browsers send it; it is the one that counts")
    ] = None,
) -> Response:
    """What changes, from a position on, for as long as the token is good."""
    seen = since if last_event_id is None else _position(last_event_id)
    watcher = parts.watch.join()
    try:
        missed = await _missed(parts, watcher, seen)
    except BaseException:
        parts.watch.leave(watcher)
        raise
    pieces = _pieces(parts, watcher, missed, seen or 0, until=principal.expires_at)
    return EventStream(pieces, watch=parts.watch, watcher=watcher)


def _position(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidPosition(text)
    return int(text)


async def _missed(parts: ApiParts, watcher: Watcher, seen: int | None) -> list[Change]:
    """What happened between the position last seen and the one the watcher joined at."""
    if seen is None or seen == watcher.position:
        return []
    async with parts.ledger.reading() as connection:
        epoch, head = await head_of_log(connection)
        if seen > head:
            return [Change("hydrate", watcher.position, epoch, why="epoch_changed")]
        if watcher.position - seen > MOST_BEHIND:
            return [Change("hydrate", watcher.position, epoch, why="too_old")]
        return (await changes_between(connection, seen, watcher.position))[1]


async def _pieces(
    parts: ApiParts, watcher: Watcher, missed: list[Change], seen: int, *, until: datetime
) -> AsyncIterator[bytes]:
    """What was missed with a checkpoint, then what happens, each piece up to the present."""
    seconds = asyncio.get_running_loop().time
    beats, due = 0, seconds()
    while parts.clock.now() < until:
        changes, missed = [*missed, *watcher.drain()], []
        if any(change.kind == "hydrate" for change in changes):
            seen = 0
        piece = b"".join(event(change) for change in changes if change.position > seen)
        if seconds() >= due:
            due = seconds() + HEARTBEAT_SECONDS
            if parts.watch.current():
                kind = "heartbeat" if beats % HEARTBEATS_A_CHECKPOINT else "checkpoint"
                beats, piece = beats + 1, piece + beat(parts, kind)
        if piece:
            yield piece
        await watcher.pause(due - seconds())


def beat(parts: ApiParts, kind: str) -> bytes:
    """That nothing is missing up to the present position."""
    position = parts.watch.position
    body = {"position": position, "ledger_epoch": parts.watch.epoch}
    return sent(kind, position, body | {"ledger_time": iso(parts.clock.now())})


@lru_cache(maxsize=4096)
def event(change: Change) -> bytes:
    """A change as it is sent, made once for all who watch."""
    body: dict[str, Any] = {"position": change.position, "ledger_epoch": change.epoch}
    if change.org is not None:
        body = {"org_id": org_json(change.org), "org_version": change.version, **body}
    elif change.kind == "hydrate":
        body["reason"] = change.why
    else:
        body = {f"{change.kind}_version": change.version, **body}
    return sent(change.kind, change.position, body)


def sent(kind: str, position: int, body: dict[str, Any]) -> bytes:
    """One Server-Sent Event."""
    data = json.dumps(body, separators=(",", ":"))
    return f"id: {position}\nevent: {kind}\ndata: {data}\n\n".encode()
