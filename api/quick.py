"""The quick lane: the plain question of a known caller about a known org, answered on the spot.

It stands directly before the routes and knows four of them. Whatever is not plain in any way — a
token not seen before, an org not in memory, another spelling of a key, a body with more in it, any
error at all — goes on to the documented route as it came. So the lane checks nothing that the route
does not, decides nothing for itself, and has no answer but the good ones; tests ask both.
"""

import json
from datetime import timedelta
from functools import lru_cache
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.checking import Asking, Known
from api.documents_decisions import MOST_KEYS, MOST_ORGS
from api.parts import ApiParts
from api.routes.decisions import batch, snapshot_name
from api.standing import known_of
from api.tokens import LONGEST_TOKEN, Principal
from domain.ids import OrgId

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

Headers = dict[bytes, bytes]
Kept = tuple[int, bytes, list[tuple[bytes, bytes]]]


class QuickLane:
    """ASGI middleware: what is put around it sees its answers as well as those of routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["query_string"]:
            path, method = scope["path"], scope["method"]
            if method == "POST" and path in (CHECK, _BATCH):
                return await self._post(path, scope, receive, send)
            if method == "GET" and path.startswith(_ORGS):
                found = _kept(path, scope)
                if found is not None:
                    return await _answer(send, *found)
        return await self._app(scope, receive, send)

    async def _post(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        parts = _parts(scope)
        principal = _caller(parts, headers) if _plain_body(headers) else None
        if principal is None:
            return await self._app(scope, receive, send)
        since = parts.traffic.monotonic()
        body, again = await _read(receive)
        answered = (_checked if path == CHECK else _batched)(parts, principal, body)
        if answered is None:
            return await self._app(scope, again, send)
        parts.traffic.answered("POST", path, 200, since=since)
        return await _answer(send, 200, answered.encode(), [_NOT_KEPT])


async def _read(receive: Receive) -> tuple[bytes, Receive]:
    """A whole body, and what gives it to the next who asks."""
    message = await receive()
    messages = [message]
    while message.get("more_body", False):
        message = await receive()
        messages.append(message)
    waiting = iter(messages)

    async def again() -> Message:
        message = next(waiting, None)
        return message if message is not None else await receive()

    return b"".join(message.get("body", b"") for message in messages), again


def _plain_body(headers: Headers) -> bool:
    """Whether a body is said to be JSON, and no larger than a plain question can be."""
    announced = headers.get(b"content-length", b"")
    small = announced.isdigit() and int(announced) <= _LARGEST
    return small and headers.get(b"content-type") == _JSON[1]


def _caller(parts: ApiParts, headers: Headers) -> Principal | None:
    sent = headers.get(b"authorization", b"")
    if not sent.startswith(_BEARER) or len(sent) > LONGEST_TOKEN:
        return None
    return parts.tokens.remembered(sent[len(_BEARER) :].decode("latin-1"))


def _checked(parts: ApiParts, principal: Principal, body: bytes) -> str | None:
    """The answer to a question about one org and key, None where it is not plain."""
    asked = _plain(body, ("org", "key"))
    if asked is None:
        return None
    key = asked["key"]
    found = _asking(parts, principal, asked.get("permission"), [asked["org"]], [key])
    if found is None:
        return None
    asking, [(org, known)] = found
    return asking.of(org, known, [key])[0]


def _batched(parts: ApiParts, principal: Principal, body: bytes) -> str | None:
    """The answer to a question about several, None where it is not plain."""
    asked = _plain(body, ("orgs", "keys"))
    if asked is None or not (_some(asked["orgs"], MOST_ORGS) and _some(asked["keys"], MOST_KEYS)):
        return None
    keys = asked["keys"]
    found = _asking(parts, principal, asked.get("permission"), asked["orgs"], keys)
    if found is None:
        return None
    asking, known = found
    items = []
    for org, standing in known:
        named = org if org.isdigit() else f'"{org}"'
        # Neither an org id nor a key of the catalog needs escaping.
        heads = [f'{{"org_id":{named},"key":"{key}",' for key in keys]
        items += asking.of(org, standing, keys, heads)
    return batch(asking, items)


def _some(listed: object, most: int) -> bool:
    return isinstance(listed, list) and 0 < len(listed) <= most


def _plain(body: bytes, names: tuple[str, str]) -> dict[str, Any] | None:
    """The body, when it has these fields, perhaps a permission, and nothing else.

    It must not be changed: the same small bodies come again and again, and are read once.
    """
    return _read_again(body, names) if len(body) <= _REMEMBERED else _read_plain(body, names)


def _read_plain(body: bytes, names: tuple[str, str]) -> dict[str, Any] | None:
    try:
        asked = json.loads(body.decode())
    except ValueError:
        return None
    if type(asked) is not dict or names[0] not in asked or names[1] not in asked:
        return None
    if len(asked) > len(names) + ("permission" in asked):
        return None
    return asked if _plain_permission(asked.get("permission")) else None


_read_again = lru_cache(maxsize=1024)(_read_plain)


def _plain_permission(permission: object) -> bool:
    if not isinstance(permission, str):
        return permission is None
    return permission.isascii() and 0 < len(permission) <= _LONGEST_PERMISSION


def _asking(
    parts: ApiParts,
    principal: Principal,
    permission: str | None,
    orgs: list[Any],
    keys: list[Any],
) -> tuple[Asking, list[tuple[OrgId, Known]]] | None:
    """What is known of the orgs, None unless all of it is here and the caller may see it."""
    rows, at = parts.rows, parts.clock.now()
    if not rows.has_keys(keys):
        return None
    known = []
    for raw in orgs:
        org = OrgId(str(raw)) if type(raw) in (int, str) else None
        row = rows.held(org, at) if org is not None and principal.may_see(org) else None
        if org is None or row is None:
            return None
        known.append((org, known_of(rows, org, row)))
    rows.hits += len(known)
    asking = Asking(
        rows.columns,
        rows.gating,
        about=principal,
        permission=permission,
        at=at,
        ttl=timedelta(seconds=rows.ttl_seconds),
        decided=parts.decided,
    )
    return asking, known


def _kept(path: str, scope: Scope) -> Kept | None:
    """A map or a snapshot that was made before and still holds."""
    parts, headers = _parts(scope), _headers(scope)
    since = parts.traffic.monotonic()
    principal = _caller(parts, headers)
    named, _, what = path.removeprefix(_ORGS).partition("/")
    org = OrgId(named)
    if principal is None or what not in _ROUTE_OF or not principal.may_see(org):
        return None
    entry = parts.table.held(org)
    if entry is None:
        return None
    judged = entry.judged(parts.shelf.catalog, parts.clock.now())
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


def _parts(scope: Scope) -> ApiParts:
    parts: ApiParts = scope["app"].state.parts
    return parts


def _headers(scope: Scope) -> Headers:
    """By name; of several with one name the first counts, as it does on the routes."""
    return dict(reversed(scope["headers"]))


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    if status == 200:
        headers = [_JSON, (b"content-length", b"%d" % len(body)), *headers]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
