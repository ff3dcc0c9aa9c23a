"""The application: routes, errors and limits put together over the parts it is given."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api import errors
from api.authzen import routes as authzen
from api.authzen import search as authzen_search
from api.authzen.request_id import RequestIds
from api.documents import Detail, Problem
from api.errors import documented
from api.limits import BodyLimit
from api.ofrep import events as flag_events
from api.ofrep import routes as flags
from api.ofrep.cors import FlagCors
from api.ofrep.documents import Failure
from api.parts import ApiParts
from api.quick import QUICK_LANE, QuickLane
from api.routes import (
    admin,
    asyncapi,
    audit,
    batches,
    bypass,
    categories,
    commands,
    decisions,
    directory,
    entitlements,
    history,
    integrity,
    modules,
    operations,
    pending,
    propagation,
    refresh,
    rollout,
    rollout_messages,
    testing,
    watch,
)
from api.traffic import Counted

DESCRIPTION = """May this organisation use this module, now, and who said so?

Grants, trials, blocks and revocations are immutable events; what an organisation may use follows
from them at every instant. The seed's routes answer errors under `detail`, the native ones as
RFC 9457 problems with a stable `code`.
"""


def create_app(
    open_parts: Callable[[], AbstractAsyncContextManager[ApiParts]], *, test_clock: bool = False
) -> FastAPI:
    """An application over the parts that `open_parts` holds open while it serves.

    Args:
        test_clock: with the routes that set the ledger's clock forward, which tests alone need.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, QuickLane]]:
        async with open_parts() as parts:
            app.state.parts = parts
            yield {QUICK_LANE: QuickLane(parts)}

    app: FastAPI = FastAPIOffline(  # /docs needs nothing from elsewhere
        title="Entitlements Ledger",
        version="1",
        description=DESCRIPTION,
        redoc_url=None,
        strict_content_type=False,
        lifespan=lifespan,
        # It would look into the environment at every request; only the settings may.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    errors.install(app)
    app.add_middleware(BodyLimit)
    app.add_middleware(Counted)
    app.add_middleware(RequestIds)
    app.add_middleware(FlagCors)
    # What is asked most comes first: each request goes along the routes until one is its own.
    app.include_router(
        decisions.router, responses=documented(Problem, 400, 401, 403, 404, 409, 413, 422, 503)
    )
    app.include_router(
        bypass.router, responses=documented(Problem, 400, 401, 403, 404, 409, 413, 422, 503)
    )
    for seed in (entitlements, categories, directory, admin):
        app.include_router(seed.router, responses=documented(Detail, 400, 401, 403, 404, 422, 503))
    app.include_router(
        commands.router, responses=documented(Problem, 400, 401, 403, 404, 409, 412, 413, 422, 503)
    )
    app.include_router(
        batches.router, responses=documented(Problem, 400, 401, 403, 404, 409, 413, 422, 503)
    )
    app.include_router(audit.router, responses=documented(Problem, 401, 403, 422, 503))
    app.include_router(modules.router, responses=documented(Problem, 401, 403, 422, 503))
    app.include_router(history.router, responses=documented(Problem, 401, 403, 404, 422, 503))
    app.include_router(pending.router, responses=documented(Problem, 401, 403, 404, 422, 503))
    app.include_router(integrity.router, responses=documented(Problem, 401, 403, 404, 422, 503))
    app.include_router(
        rollout.router, responses=documented(Problem, 400, 401, 403, 404, 409, 422, 503)
    )
    app.include_router(
        rollout_messages.router, responses=documented(Problem, 401, 403, 404, 422, 503)
    )
    app.include_router(watch.router, responses=documented(Problem, 401, 403, 422, 503))
    app.include_router(refresh.router, responses=documented(Problem, 401, 403, 404, 422, 503))
    app.include_router(
        propagation.router, responses=documented(Problem, 400, 401, 403, 404, 413, 422, 503)
    )
    for spoken in (flags, flag_events):
        app.include_router(
            spoken.router, responses=documented(Failure, 400, 401, 403, 404, 413, 503)
        )
    for spoken in (authzen, authzen_search):
        app.include_router(spoken.router, responses=documented(str, 400, 401, 403, 413, 503))
    app.include_router(operations.router)
    app.include_router(asyncapi.router)
    if test_clock:
        app.include_router(testing.router, responses=documented(Problem, 401, 403, 422, 503))
    return app
