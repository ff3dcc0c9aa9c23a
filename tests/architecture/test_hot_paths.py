"""No request waits for a thread: what FastAPI is given as `def` it runs in its pool of threads."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, APIRouter

from api.app import create_app


def routes(router: APIRouter) -> Iterator[APIRoute]:
    """Every route of a router and of those that it includes."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from routes(included)


def calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    """What is called for it, dependencies of dependencies included."""
    for each in dependant.dependencies:
        yield from calls(each)
    if dependant.call is not None:
        yield dependant.call


def is_async(call: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(
        getattr(type(call), "__call__", None)  # noqa: B004 - how it is called, not whether
    )


def test_nothing_of_any_route_goes_to_the_thread_pool() -> None:
    """It would cost a hundred microseconds, and wait behind whatever blocks the threads."""
    app = create_app(lambda: None, test_clock=True)  # type: ignore[arg-type, return-value]
    found = list(routes(app.router))
    assert len(found) > 60
    sync = {
        f"{route.path}: {call}"
        for route in found
        for call in calls(route.dependant)
        if not is_async(call)
    }
    assert sync == set()
