"""Who has to obey: servers are asked over HTTP, SDK processes say so themselves."""

import asyncio
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple, Protocol

from infra.bench.asking import Connection, connections, request

_LOOK_SECONDS = 0.01
_GONE_WITHIN = 10.0


class Witness(Protocol):
    """One process that gates, or does not."""

    name: str

    async def obeyed(self, *, allowed: bool) -> float:
        """When it was first seen to answer so, on the clock that all processes here share."""


class Asked(NamedTuple):
    """What all of them are asked: an org that is denied the key unless nothing is gated."""

    token: str
    org: str
    key: str


class Server:
    """A server, asked for a decision over and over."""

    def __init__(self, name: str, connection: Connection, asked: Asked) -> None:
        self.name = name
        self._connection = connection
        bearer = f"Authorization: Bearer {asked.token}"
        body = json.dumps({"org": asked.org, "key": asked.key}).encode()
        self._request = request("POST", "/api/v1/check", bearer, body=body)

    async def obeyed(self, *, allowed: bool) -> float:
        """See `Witness.obeyed`."""
        while True:
            answered = await self._connection.ask(self._request)
            now = time.monotonic()
            if answered.status == 200 and json.loads(answered.body)["allowed"] is allowed:
                return now
            await asyncio.sleep(_LOOK_SECONDS)


class Sdk:
    """A process of `infra.drill.sdk`."""

    def __init__(self, name: str, process: Process) -> None:
        self.name = name
        self._process = process
        self._last: tuple[bool, float] | None = None

    async def obeyed(self, *, allowed: bool) -> float:
        """See `Witness.obeyed`."""
        while self._last is None or self._last[0] is not allowed:
            assert self._process.stdout is not None
            line = await self._process.stdout.readline()
            if not line:
                raise RuntimeError(f"{self.name} ended; see its output above")
            said, at = line.decode().split()
            self._last = json.loads(said), float(at)
        return self._last[1]


@asynccontextmanager
async def servers(ports: Sequence[int], asked: Asked) -> AsyncIterator[list[Server]]:
    """A connection to each server."""
    made: list[Server] = []
    opened = [connections(port, 1) for port in ports]
    try:
        for number, connecting in enumerate(opened, start=1):
            [connection] = await connecting.__aenter__()
            made.append(Server(f"server {number}", connection, asked))
        yield made
    finally:
        for connecting, _ in zip(opened, made, strict=False):
            await connecting.__aexit__(None, None, None)


@asynccontextmanager
async def sdks(addresses: Sequence[str], asked: Asked) -> AsyncIterator[list[Sdk]]:
    """A process over each of these ledgers; they end with this one, however it ends.

    Each has a session of its own, so that Ctrl-C reaches only the drill, which stops things in
    order.
    """
    started: list[Process] = []
    try:
        for address in addresses:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "infra.drill.sdk"),
                stdin=PIPE,
                stdout=PIPE,
                start_new_session=True,
            )
            started.append(process)
            assert process.stdin is not None
            told = json.dumps({"ledger": address, **asked._asdict()})
            process.stdin.write(f"{told}\n".encode())
        yield [Sdk(f"SDK {number}", process) for number, process in enumerate(started, start=1)]
    finally:
        for process in started:
            await _end(process)


async def _end(process: Process) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(_GONE_WITHIN):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
