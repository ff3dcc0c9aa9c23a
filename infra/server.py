"""The web server: one process, or several that share a socket."""

import asyncio
import socket
from functools import partial

import uvicorn
from uvicorn.supervisors import Multiprocess

from api.app import create_app
from api.parts import ApiParts
from infra import demo as demonstration
from infra.readiness import readiness
from infra.settings import Settings
from infra.tokens import sign_token, verifier
from infra.wiring import Parts, opened


class AddressInUse(Exception):
    """Another program listens there; says what to do."""


def serve(settings: Settings, *, host: str, port: int, workers: int, demo: bool) -> None:
    """Serve until interrupted.

    Raises:
        AddressInUse: the port is taken.
    """
    listening = _listen(host, port)
    address = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{listening.getsockname()[1]}"  # noqa: S104 - compared, not bound
    if workers == 1:
        _run(settings, [listening], address=address, demo=demo)
        return
    asyncio.run(_prepare(settings, demo=demo))
    print(banner(settings, address, demo=demo), flush=True)  # noqa: T201 - what the command is for
    config = uvicorn.Config("api.app:create_app", workers=workers)
    Multiprocess(config, target=partial(_work, settings), sockets=[listening]).run()


def app_parts(parts: Parts) -> ApiParts:
    """What the HTTP room gets of the running parts."""
    return ApiParts(
        ledger=parts.ledger,
        table=parts.table,
        shelf=parts.shelf,
        clock=parts.clock,
        tokens=verifier(parts.settings, clock=parts.clock),
        readiness=partial(readiness, parts),
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


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=2048, reuse_port=False)
    except OSError as error:
        raise AddressInUse(
            f"{host}:{port} cannot be listened on ({error.strerror}); choose another with --port."
        ) from error


def _run(
    settings: Settings, sockets: list[socket.socket], *, address: str | None, demo: bool
) -> None:
    config = uvicorn.Config("api.app:create_app")
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(settings, sockets, address=address, demo=demo))


def _work(settings: Settings, sockets: list[socket.socket]) -> None:
    _run(settings, sockets, address=None, demo=False)


async def _serve(
    settings: Settings, sockets: list[socket.socket], *, address: str | None, demo: bool
) -> None:
    async with opened(settings) as parts:
        if demo:
            await demonstration.seed(parts)
        app = create_app(app_parts(parts))
        config = uvicorn.Config(app, access_log=False, log_level="warning", server_header=False)
        if address is not None:
            print(banner(settings, address, demo=demo), flush=True)  # noqa: T201 - its purpose
        await uvicorn.Server(config).serve(sockets=sockets)


async def _prepare(settings: Settings, *, demo: bool) -> None:
    async with opened(settings) as parts:
        if demo:
            await demonstration.seed(parts)
