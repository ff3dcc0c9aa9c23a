"""The web server: one process, or several that share a socket."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.supervisors import Multiprocess

from api.app import create_app
from api.decided import Decided
from api.parts import ApiParts
from api.quick import CHECK
from api.traffic import Traffic
from infra import demo as demonstration
from infra.batches import Batches
from infra.clock import LedgerClock
from infra.collector import seldom_collecting
from infra.database import database, embedded_directory
from infra.histories import Audit, Histories
from infra.http_connection import LedgerConnection
from infra.integrity.keeper import keeping
from infra.integrity.verifying import Integrity
from infra.metrics.metrics import Metrics
from infra.metrics.workers import folder_for_workers
from infra.postgres.embedded import is_in_use
from infra.propagation import Propagation, broker, propagating
from infra.readiness import readiness
from infra.settings import Settings
from infra.testing import WARNING, SettableClock, check_workers
from infra.ticking import ticking
from infra.tokens import sign_token, stream_key, verifier
from infra.watching import Watching
from infra.wiring import Parts, opened


class AddressInUse(Exception):
    """Another program listens there; says what to do."""


def serve(
    settings: Settings, *, host: str, port: int, workers: int, demo: bool, kafka: bool = False
) -> None:
    """Serve until interrupted.

    Raises:
        AddressInUse: the port is taken.
        SettingsProblem: a test clock is wanted, and each process has a clock of its own.
    """
    if settings.test_clock:
        check_workers(workers)
        print(WARNING, file=sys.stderr, flush=True)  # noqa: T201 - nobody may overlook it
    verifier(
        settings, clock=LedgerClock()
    )  # so that an unusable key is told before anything starts
    shared = told_of_others(settings)
    with (
        listening(host, port) as taken,
        database(settings),  # an embedded one stays up throughout
        broker(settings, wanted=kafka) as told,
    ):
        address = f"http://{host}:{taken.getsockname()[1]}"
        asyncio.run(_prepare(settings, demo=demo))
        print(banner(settings, address, demo=demo) + told + shared, flush=True)  # noqa: T201 - what it is for
        config = configuration("infra.server:worker_app", factory=True, workers=workers)
        if workers > 1:
            with folder_for_workers(settings.data_dir):
                Multiprocess(config, sockets=[taken]).run()
        else:
            uvicorn.Server(config).run(sockets=[taken])


def worker_app() -> FastAPI:
    """The application of one serving process, configured by its environment."""
    return application(Settings.from_environment())


def application(settings: Settings) -> FastAPI:
    """The application over a ledger that is opened when serving begins."""

    @asynccontextmanager
    async def open_parts() -> AsyncIterator[ApiParts]:
        async with (
            opened(settings) as parts,
            keeping(parts.ledger.reading, directory=settings.data_dir),
            ticking(parts.ticker, directory=settings.data_dir),
            propagating(parts) as propagation,
        ):
            metrics, watching = Metrics(parts), watching_of(parts)
            async with metrics.worker.sharing(), watching.watching():
                with seldom_collecting():
                    yield app_parts(parts, metrics, watching, propagation)

    return create_app(open_parts, test_clock=settings.test_clock)


def configuration(app: FastAPI | str, **more: Any) -> uvicorn.Config:
    """How every process serves."""
    return uvicorn.Config(
        app,
        http=LedgerConnection,
        access_log=False,
        log_level="warning",
        server_header=False,
        **more,
    )


def watching_of(parts: Parts) -> Watching:
    """What is seen of decisions."""
    return Watching(
        parts.tallies,
        reading=parts.ledger.reading,
        version=lambda: parts.gates.version,
        now=parts.clock.now,
    )


def app_parts(
    parts: Parts, metrics: Metrics, watching: Watching, propagation: Propagation | None = None
) -> ApiParts:
    """What the HTTP room gets of the running parts."""
    failed = parts.tallies.count(
        "verify_failures_total", "Verifications that found the log or its checkpoints broken."
    )
    traffic = Traffic(parts.tallies, monotonic=time.monotonic)
    watching.answers = partial(traffic.answers, "POST", CHECK)
    return ApiParts(
        ledger=parts.ledger,
        table=parts.table,
        rows=parts.rows,
        watch=parts.watch,
        shelf=parts.shelf,
        histories=Histories(parts.ledger.reading),
        audit=Audit(parts.ledger.reading),
        batches=Batches(ledger=parts.ledger, table=parts.table),
        integrity=Integrity(
            parts.ledger.reading, directory=parts.settings.data_dir, failed=failed.add
        ),
        gates=parts.gates,
        rollouts=parts.rollouts,
        bypasses=parts.bypasses,
        clock=parts.clock,
        tokens=verifier(parts.settings, clock=parts.clock),
        stream_key=stream_key(parts.settings),
        public_base_url=parts.settings.public_base_url,
        readiness=partial(readiness, parts, propagation),
        traffic=traffic,
        decided=Decided(parts.tallies, sight=watching.sight),
        metrics=metrics.page,
        test_clock=SettableClock(parts) if parts.settings.test_clock else None,
    )


def banner(settings: Settings, address: str, *, demo: bool) -> str:
    """What a person who starts the server wants to paste next."""
    lines = [f"Entitlements Ledger listens on {address} (documentation: {address}/docs)"]
    if not demo:
        return lines[0]
    roles = {
        "super admin": sign_token(settings, role="super_admin", sub="demo-super-admin"),
        "org admin of org 1": sign_token(
            settings, role="org_admin", org="1", sub="demo-org-admin", permissions=["crm.*"]
        ),
        "user of org 1": sign_token(
            settings, role="user", org="1", sub="demo-user", permissions=["crm.view"]
        ),
    }
    lines += ["", "Tokens, valid for 12 hours:"]
    lines += [f"  {who}:\n    {token}" for who, token in roles.items()]
    user, admin = roles["user of org 1"], roles["super admin"]
    lines += [
        "",
        "Try:",
        f"  curl -H 'Authorization: Bearer {user}' {address}/api/v1/orgs/1/entitlements",
        f"  curl -H 'Authorization: Bearer {admin}' {address}/api/v1/admin/modules",
        "",
        f"Demonstration orgs: {', '.join(demonstration.DEMO_ORGS)}",
    ]
    return "\n".join(lines)


def told_of_others(settings: Settings) -> str:
    """That another process works on the embedded ledger, asked before this one does."""
    if settings.database_url is not None or not is_in_use(embedded_directory(settings)):
        return ""
    where = settings.data_dir.absolute()
    return f"\n\nThe ledger in {where} was running already: another process uses it, too."


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes any."""
    try:
        return socket.create_server((host, port), backlog=2048, reuse_port=False)
    except OSError as error:
        # What `create_server` says tells the address again; a name that is none has no errno.
        code = error.errno or 0
        why = os.strerror(code) if code > 0 else error.strerror
        other = 8010 if port != 8010 else 8020
        raise AddressInUse(
            f"{host}:{port} cannot be listened on ({why}); choose another with --port "
            f"(make run PORT={other})."
        ) from error


async def _prepare(settings: Settings, *, demo: bool) -> None:
    async with opened(settings) as parts:
        if demo:
            await demonstration.seed(parts)
