"""The quick lane: the plain question of a known caller about a known org, answered on the spot.

It stands before everything and knows four routes. Whatever is not plain in any way — a token not
seen before, an org not in memory, another spelling of a key, a body with more in it — goes on to
the documented route as it came. So the lane checks nothing that the route does not, decides nothing
for itself, and has no answer but the good ones; tests ask both.
"""

import json
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from api.checking import Asker, Known
from api.documents_decisions import MOST_KEYS, MOST_ORGS
from api.parts import ApiParts
from api.routes.decisions import batch, snapshot_name
from api.standing import asker_of, known_of
from api.tokens import LONGEST_TOKEN, Principal
from domain.ids import OrgId

QUICK_LANE = "quick_lane"  # in the lifespan's state
CHECK, _BATCH = "/api/v1/check", "/api/v1/check/batch"
_ORGS = "/api/v1/orgs/"
_MAP, _SNAPSHOT = "entitlements", "snapshot"
_ORGS_TARGET = _ORGS.encode()
_ROUTE_OF = {made: f"{_ORGS}{{org}}/{made}" for made in (_MAP, _SNAPSHOT)}
_BEARER = b"Bearer "
_JSON = (b"content-type", b"application/json")
_NOT_KEPT = (b"cache-control", b"no-store")
_ASKED_AGAIN = (b"cache-control", b"private, no-cache")
_LONGEST_PERMISSION = 200
LARGEST = 65_536  # bytes of a body
_REMEMBERED = 4_096  # bytes
_MOST_ASKERS = 4_096

log = logging.getLogger("entitlements.http")

Header = tuple[bytes, bytes]
Headers = dict[bytes, bytes]
Answer = tuple[int, list[Header], bytes]


class QuickLane:
    """Answers what it can at once, out of memory; it awaits nothing and raises nothing."""

    def __init__(self, parts: ApiParts) -> None:
        self._parts = parts
        self._askers: dict[tuple[int, str | None], Asker] = {}
        self._failed: set[type[Exception]] = set()

    @staticmethod
    def may_know(method: bytes, target: bytes) -> bool:
        """Whether a request is one of those to ask about here, by its request line."""
        if method == b"POST":
            return target in _ASKED
        return method == b"GET" and target.startswith(_ORGS_TARGET) and b"?" not in target

    def answer(
        self, method: bytes, target: bytes, headers: list[Header], body: bytes
    ) -> Answer | None:
        """The answer to a request that was read whole, None where the route has to see it."""
        try:
            return self._answer(method, target, headers, body)
        except Exception as error:
            if type(error) not in self._failed:  # once, and not for every question
                self._failed.add(type(error))
                log.exception("The quick lane failed; the route is asked instead.")
            return None

    def _answer(
        self, method: bytes, target: bytes, headers: list[Header], body: bytes
    ) -> Answer | None:
        # Of several with one name the first counts, as it does on the routes.
        given = dict(reversed(headers))
        if method == b"POST":
            return self._post(_ASKED[target], given, body)
        return _kept(self._parts, target.decode(), given) if not body else None

    def _post(self, path: str, headers: Headers, body: bytes) -> Answer | None:
        parts = self._parts
        since, token = parts.traffic.monotonic(), _token(headers)
        if token is None or headers.get(b"content-type") != _JSON[1]:
            return None
        answered = self._answered(parts, token, path, body)
        if answered is None:
            return None
        parts.traffic.answered("POST", path, 200, since=since)
        return _found(answered.encode(), [_NOT_KEPT])

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
_ASKED = {path.encode(): path for path in _READ}
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


def _kept(parts: ApiParts, path: str, headers: Headers) -> Answer | None:
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
        return 304, [named_etag, _ASKED_AGAIN], b""
    parts.traffic.answered("GET", _ROUTE_OF[what], 200, since=since)
    return _found(body, [named_etag, _ASKED_AGAIN])


def _found(body: bytes, headers: list[Header]) -> Answer:
    return 200, [_JSON, (b"content-length", b"%d" % len(body)), *headers], body
