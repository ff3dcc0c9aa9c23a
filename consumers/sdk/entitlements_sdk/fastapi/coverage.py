"""Which routes of an app carry a guard, which are exempt and why, and which have neither.

FastAPI keeps included routers as they are, so `app.routes` does not list every route. They are
walked here, mounted apps too, and what the OpenAPI document has beyond that is told as well:
a route that this walk misses must not pass for a guarded one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import FastAPI, routing
from fastapi.dependencies.models import Dependant
from starlette.routing import BaseRoute, Host, Mount, WebSocketRoute

from entitlements_sdk.fastapi.exemptions import exemption
from entitlements_sdk.fastapi.guards import Guard
from entitlements_sdk.fastapi.routes import GuardedRoute

EXEMPT_ROUTES = "entitlements_sdk_exempt_routes"
Standing = Literal["guarded", "exempt", "neither"]
_DOCUMENTATION = "FastAPI's own documentation"
_ANY = "*"


@dataclass(frozen=True, slots=True)
class Coverage:
    """One route: where it is, and what stands before it.

    `method` is `GET` and so on, `WEBSOCKET`, or `*` for whatever is mounted.
    """

    path: str
    method: str
    guards: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def standing(self) -> Standing:
        if self.guards:
            return "guarded"
        return "neither" if self.reason is None else "exempt"


@dataclass(frozen=True, slots=True)
class _Found:
    path: str
    methods: tuple[str, ...]
    guards: tuple[Guard, ...]
    endpoint: object


def coverage(app: FastAPI) -> list[Coverage]:
    """Every route of an app and of what is mounted in it, in their order."""
    exempt_routes: Mapping[str, str] = getattr(app.state, EXEMPT_ROUTES, {})
    documentation = _documentation_of(app)
    rows: dict[tuple[str, str], Coverage] = {}
    for found in _found(app, ""):
        reason = exemption(found.endpoint) or _exempt_by_path(found.path, exempt_routes)
        if reason is None and found.path in documentation:
            reason = _DOCUMENTATION
        names = tuple(_name(guard) for guard in found.guards)
        for method in found.methods:
            rows.setdefault((found.path, method), Coverage(found.path, method, names, reason))
    for path, method in _documented(app):
        if (path, method) not in rows:
            rows[path, method] = Coverage(path, method, (), _exempt_by_path(path, exempt_routes))
    return list(rows.values())


def guarded_keys(app: FastAPI) -> dict[str, list[str]]:
    """Each key that a guard asks for, with the routes that it stands before."""
    asked: dict[str, list[str]] = {}
    for found in _found(app, ""):
        for guard in found.guards:
            for method in found.methods:
                asked.setdefault(guard.key, []).append(f"{method} {found.path}")
    return asked


def _found(app: Any, prefix: str) -> Iterator[_Found]:
    router = getattr(app, "router", app)
    yield from _in_routes(getattr(router, "routes", ()), prefix)
    low_priority = getattr(router, "_iter_low_priority_routes", None)
    if low_priority is not None:
        yield from _in_routes(low_priority(), prefix)


def _in_routes(routes: Iterable[Any], prefix: str) -> Iterator[_Found]:
    for route in _contexts(routes):
        original = getattr(route, "original_route", route)
        if isinstance(original, Mount | Host):
            yield from _mounted(route, original, prefix)
        else:
            yield _of_route(route, original, prefix)


def _contexts(routes: Iterable[Any]) -> Iterable[Any]:
    """Routes as they are served; releases before FastAPI 0.13x had them all in the list."""
    walk = getattr(routing, "iter_route_contexts", None)
    known = [route for route in routes if isinstance(route, BaseRoute)]
    return known if walk is None else list(walk(known))


def _of_route(route: Any, original: Any, prefix: str) -> _Found:
    methods = getattr(route, "methods", None)
    if methods is None:
        http = not isinstance(original, WebSocketRoute)
        methods = {_ANY} if http else {"WEBSOCKET"}
    # A HEAD that comes with a GET is the same door.
    named = set(methods) - ({"HEAD"} if "GET" in methods else set())
    dependant = getattr(route, "dependant", None)
    guards = [] if dependant is None else list(_in_dependant(dependant))
    if isinstance(original, GuardedRoute):
        guards.insert(0, original.guard)
    path = prefix + (getattr(route, "path", None) or "/{path}")
    return _Found(path, tuple(sorted(named)), tuple(guards), getattr(route, "endpoint", None))


def _in_dependant(dependant: Dependant) -> Iterator[Guard]:
    for each in dependant.dependencies:
        if isinstance(each.call, Guard):
            yield each.call
        yield from _in_dependant(each)


def _mounted(route: Any, original: Mount | Host, prefix: str) -> Iterator[_Found]:
    path = prefix + (getattr(route, "path", None) or "")
    inside = getattr(original, "_base_app", original.app)
    if getattr(inside, "routes", None):
        yield from _found(inside, path)
    else:
        yield _Found(f"{path}/{{path}}", (_ANY,), (), inside)


def _documented(app: FastAPI) -> Iterator[tuple[str, str]]:
    for path, operations in app.openapi().get("paths", {}).items():
        for method in operations:
            if method in ("get", "put", "post", "delete", "options", "head", "patch", "trace"):
                yield path, method.upper()


def _documentation_of(app: Any, prefix: str = "") -> set[str]:
    """The paths under which an app, and those mounted in it, describe themselves."""
    own = ("openapi_url", "docs_url", "redoc_url", "swagger_ui_oauth2_redirect_url")
    paths = {prefix + path for name in own if (path := getattr(app, name, None))}
    for route in getattr(app, "routes", ()):
        if isinstance(route, Mount):
            inside = getattr(route, "_base_app", route.app)
            paths |= _documentation_of(inside, prefix + route.path)
    return paths


def _exempt_by_path(path: str, exempt_routes: Mapping[str, str]) -> str | None:
    for exempt, reason in exempt_routes.items():
        if path == exempt or path.startswith(exempt.rstrip("/") + "/{path"):
            return reason
    return None


def _name(guard: Guard) -> str:
    return guard.key if guard.permission is None else f"{guard.key} + {guard.permission}"
