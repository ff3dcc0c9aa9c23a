"""The quick lane: the plain question of a known caller about a known org, answered on the spot.

It stands before everything and knows four routes. Whatever is not plain in any way — a token not
seen before, an org not in memory, another spelling of a key, a body with more in it, any error at
all — goes on to the documented route as it came. So the lane checks nothing that the route does
not, decides nothing for itself, and has no answer but the good ones; tests ask both.
"""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.checking import Asker, Known
from api.documents_decisions import MOST_KEYS, MOST_ORGS
from api.parts import ApiParts
from api.routes.decisions import batch, snapshot_name
from api.standing import asker_of, known_of
from api.tokens import LONGEST_TOKEN, Principal
from domain.ids import OrgId

QUICK_PARTS = "parts"
CHECK, _BATCH = "/api/v1/check", "/api/v1/check/batch"
_ORGS = "/api/v1/orgs/"
_MAP, _SNAPSHOT = "entitlements", "snapshot"
_ROUTE_OF = {made: f"{_ORGS}{{org}}/{made}" for made in (_MAP, _SNAPSHOT)}
_BEARER = b"Bearer "
_JSON = (b"content-type", b"application/json")
_NOT_KEPT = (b"cache-control", b"no-store")
_ASKED_AGAIN = (b"cache-control", b"private, no-cache")
_LONGEST_PERMISSION = 200
_LARGEST = 65_536  # bytes
_REMEMBERED = 4_096  # bytes
_MOST_ASKERS = 4_096

Headers = dict[bytes, bytes]
Kept = tuple[int, bytes, list[tuple[bytes, bytes]]]


class QuickLane:
    """ASGI middleware, to be put before everything: nothing of it is about what the lane answers.

    Its parts are those that the application has put into the lifespan's state.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._askers: dict[tuple[int, str | None], Asker] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.get("state")
        parts = state.get(QUICK_PARTS) if state and scope["type"] == "http" else None
        if parts is not None and not scope["query_string"]:
            path, method = scope["path"], scope["method"]
            if method == "POST" and path in _READ:
                return await self._post(parts, scope, receive, send)
            if method == "GET" and path.startswith(_ORGS):
                found = _kept(parts, path, _headers(scope))
                if found is not None:
                    return await _answer(send, *found)
        return await self._app(scope, receive, send)

    async def _post(self, parts: ApiParts, scope: Scope, receive: Receive, send: Send) -> None:
        since, headers = parts.traffic.monotonic(), _headers(scope)
        token = _token(headers)
        if token is None or not _plain_body(headers):
            return await self._app(scope, receive, send)
        messages = [await receive()]
        while messages[-1].get("more_body", False):
            messages.append(await receive())
        body = b"".join([message.get("body", b"") for message in messages])
        path: str = scope["path"]
        answered = self._answered(parts, token, path, body)
        if answered is None:
            return await self._app(scope, _again(messages, receive), send)
        parts.traffic.answered("POST", path, 200, since=since)
        return await _answer(send, 200, answered.encode(), [_NOT_KEPT])

    def _answered(self, parts: ApiParts, token: bytes, path: str, body: bytes) -> str | None:
        """The answer to a question, None where it or the caller is not plain."""
        at = parts.clock.now()
        principal = parts.tokens.remembered(token, at)
        plain = _read_again(path, body) if len(body) <= _REMEMBERED else _read(path, body)
        if principal is None or plain is None or not parts.rows.has_keys(plain.keys):
            return None
        known = _known(parts, principal, plain.orgs, at)
        if known is None:
            return None
        asking = self._asker(parts, principal, plain.permission).at(at)
        answers: list[str] = []
        for org, standing, lead in zip(plain.orgs, known, plain.leads, strict=True):
            answers += asking.of(org, standing, plain.keys, lead=lead, heads=plain.heads)
        return answers[0] if path == CHECK else batch(asking, answers)

    def _asker(self, parts: ApiParts, principal: Principal, permission: str | None) -> Asker:
        """Who asks; it keeps its principal, so that the id is no other's."""
        rows, asks = parts.rows, (id(principal), permission)
        asker = self._askers.get(asks)
        held = asker is not None and asker.columns is rows.columns
        if asker is None or not held or asker.rollout_version != rows.gating.version:
            if len(self._askers) >= _MOST_ASKERS:
                self._askers.clear()
            asker = self._askers[asks] = asker_of(parts, principal, permission)
        return asker


class _Plain(NamedTuple):
    """What a plain body asks; an answer begins with the org's lead and then the key's head."""

    orgs: tuple[OrgId, ...]
    keys: tuple[str, ...]
    permission: str | None
    leads: tuple[str, ...]
    heads: tuple[str, ...]


def _again(messages: Iterable[Message], receive: Receive) -> Receive:
    """What gives a body that was read to the next who asks."""
    waiting = iter(messages)

    async def again() -> Message:
        message = next(waiting, None)
        return message if message is not None else await receive()

    return again


def _plain_body(headers: Headers) -> bool:
    """Whether a body is said to be JSON, and no larger than a plain question can be."""
    announced = headers.get(b"content-length", b"")
    small = announced.isdigit() and int(announced) <= _LARGEST
    return small and headers.get(b"content-type") == _JSON[1]


def _token(headers: Headers) -> bytes | None:
    sent = headers.get(b"authorization", b"")
    if not sent.startswith(_BEARER) or len(sent) > LONGEST_TOKEN:
        return None
    return sent[len(_BEARER) :]


def _read(path: str, body: bytes) -> _Plain | None:
    """The question, when the body has its fields, perhaps a permission, and nothing else."""
    try:
        asked = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    if type(asked) is not dict:
        return None
    permission = asked.pop("permission", None)
    return _READ[path](asked, permission) if _plain_permission(permission) else None


def _read_check(asked: dict[str, Any], permission: str | None) -> _Plain | None:
    if asked.keys() != {"org", "key"}:
        return None
    org, key = asked["org"], asked["key"]
    if type(org) not in (int, str) or type(key) is not str:
        return None
    return _Plain((OrgId(str(org)),), (key,), permission, ("{",), ("",))


def _read_batch(asked: dict[str, Any], permission: str | None) -> _Plain | None:
    if asked.keys() != {"orgs", "keys"}:
        return None
    orgs, keys = asked["orgs"], asked["keys"]
    if not (_some(orgs, MOST_ORGS, int, str) and _some(keys, MOST_KEYS, str)):
        return None
    named = tuple(OrgId(str(org)) for org in orgs)
    # Neither an org id nor a key of the catalog, as they are by then, needs escaping.
    shown = [org if org.isdigit() else f'"{org}"' for org in named]
    leads = tuple(f'{{"org_id":{org},' for org in shown)
    return _Plain(named, tuple(keys), permission, leads, tuple(f'"key":"{key}",' for key in keys))


_READ: dict[str, Callable[[dict[str, Any], str | None], _Plain | None]] = {
    CHECK: _read_check,
    _BATCH: _read_batch,
}
# The same small bodies come again and again.
_read_again = lru_cache(maxsize=1024)(_read)


def _some(listed: object, most: int, *types: type) -> bool:
    return (
        isinstance(listed, list)
        and 0 < len(listed) <= most
        and all(type(item) in types for item in listed)
    )


def _plain_permission(permission: object) -> bool:
    if not isinstance(permission, str):
        return permission is None
    return permission.isascii() and 0 < len(permission) <= _LONGEST_PERMISSION


def _known(
    parts: ApiParts, principal: Principal, orgs: Iterable[OrgId], at: datetime
) -> list[Known] | None:
    """What is known of the orgs, None unless all of it is here and the caller may see it."""
    rows, known = parts.rows, []
    for org in orgs:
        row = rows.held(org, at) if principal.may_see(org) else None
        if row is None:
            return None
        known.append(known_of(rows, org, row))
    rows.hits += len(known)
    return known


def _kept(parts: ApiParts, path: str, headers: Headers) -> Kept | None:
    """A map or a snapshot that was made before and still holds."""
    since, at, token = parts.traffic.monotonic(), parts.clock.now(), _token(headers)
    principal = parts.tokens.remembered(token, at) if token is not None else None
    named, _, what = path.removeprefix(_ORGS).partition("/")
    org = OrgId(named)
    if principal is None or what not in _ROUTE_OF or not principal.may_see(org):
        return None
    entry = parts.table.held(org)
    if entry is None:
        return None
    judged = entry.judged(parts.shelf.catalog, at)
    found = judged.rendered.get("map" if what == _MAP else snapshot_name(parts))
    if found is None:
        return None
    parts.table.hits += 1
    body, etag = found
    named_etag = (b"etag", etag.encode())
    if etag in headers.get(b"if-none-match", b"").decode("latin-1"):
        parts.traffic.answered("GET", _ROUTE_OF[what], 304, since=since)
        return 304, b"", [named_etag, _ASKED_AGAIN]
    parts.traffic.answered("GET", _ROUTE_OF[what], 200, since=since)
    return 200, body, [named_etag, _ASKED_AGAIN]


def _headers(scope: Scope) -> Headers:
    """By name; of several with one name the first counts, as it does on the routes."""
    return dict(reversed(scope["headers"]))


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    if status == 200:
        headers = [_JSON, (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
