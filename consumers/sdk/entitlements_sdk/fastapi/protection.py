"""`protect(app, ...)`: guards find their client, and the app starts only with keys that exist."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from entitlements_sdk.fastapi.coverage import EXEMPT_ROUTES, guarded_keys
from entitlements_sdk.fastapi.guards import Protection
from entitlements_sdk.fastapi.resolving import PROTECTION, OrgOf, PrincipalOf, chosen_org
from entitlements_sdk.ports import Client

_log = logging.getLogger("entitlements_sdk")


def protect(
    app: FastAPI,
    client: Client,
    *,
    principal: PrincipalOf,
    org: OrgOf = chosen_org,
    exempt_routes: Mapping[str, str] | None = None,
) -> None:
    """Call it once, before the app starts; apps that are mounted in it are protected with it.

    With the app the client starts and closes. Before the first request every guarded key is looked
    up in the catalog.

    Args:
        principal: who sends a request, see `PrincipalOf`; `entitlements_sdk.jwt` has one for the
            ledger's tokens.
        org: the org a request is about; by default the caller's own, or the one that staff name
            in `X-Org-Id`.
        exempt_routes: paths without a guard and why, for routes that `@exempt` does not reach,
            such as mounted files.

    The lifespan raises:
        UnknownKeys: a guarded key is not in the catalog; the process must not start.
    """
    app.add_middleware(_Carrying, protection=Protection.by(client, principal=principal, org=org))
    setattr(app.state, EXEMPT_ROUTES, dict(exempt_routes or {}))
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(running: Any) -> AsyncIterator[Any]:
        await client.start()
        try:
            if not await client.require_keys(guarded_keys(app)):
                _log.warning("the ledger is away: guarded keys could not be looked up")
            async with inner(running) as state:
                yield state
        finally:
            await client.close()

    app.router.lifespan_context = lifespan


class _Carrying:
    """Puts the protection where guards look for it."""

    def __init__(self, app: ASGIApp, *, protection: Protection) -> None:
        self._app = app
        self._protection = protection

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[PROTECTION] = self._protection
        await self._app(scope, receive, send)
