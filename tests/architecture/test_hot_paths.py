"""No route waits for a thread: what FastAPI is given as `def` it runs in its pool of threads."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Annotated, Any

from fastapi import Depends, FastAPI
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


def waiting(app: FastAPI) -> set[str]:
    """The routes of which something goes to the pool, with what it is."""
    return {
        f"{route.path}: {getattr(call, '__name__', call)}"
        for route in routes(app.router)
        for call in calls(route.dependant)
        if not is_async(call)
    }


def test_nothing_of_any_route_goes_to_the_thread_pool() -> None:
    """It would cost a hundred microseconds, and wait behind whatever blocks the threads."""
    app = create_app(nullcontext, test_clock=True)  # type: ignore[arg-type]  # it is never opened
    assert len(list(routes(app.router))) > 60
    assert waiting(app) == set()


def test_what_does_is_found() -> None:
    """In a router that is included, and in what a dependency depends on."""

    def slow() -> int:
        return 1

    async def quick(number: Annotated[int, Depends(slow)]) -> int:
        return number

    router, app = APIRouter(), FastAPI()

    @router.get("/here")
    async def here(number: Annotated[int, Depends(quick)]) -> int:
        return number

    app.include_router(router)
    assert waiting(app) == {"/here: slow"}
