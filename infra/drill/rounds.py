"""The rounds: the switch is turned, and everybody is watched until they have obeyed."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from random import uniform

import httpx
import psycopg

from infra.bench.ground import Ground
from infra.bench.serving import LEDGER, serving
from infra.bench.threads import in_thread
from infra.drill.times import LONGEST_SECONDS, Seen, Times
from infra.drill.witnesses import Asked, Server, Witness, sdks, servers
from infra.postgres import EmbeddedPostgres
from infra.switch import switch_file
from infra.tokens import sign_token

ORG, KEY = "1", "crm"  # registered, and granted nothing
_REASON = "A drill of the kill switch."
_ROLLOUT = "/api/v1/admin/rollout"
_BY_FILE = 5  # rounds at most: it is read once a second, and always in the same way
_ASK_WITHIN = 30.0
_STOPS_WITHIN = 60.0

Told = Callable[[str], None]


class Drill:
    """Server processes and SDK processes on one ledger.

    Args:
        ground: a PostgreSQL of the drill's own, which is stopped for the second part.
        told: hears what is being done.
    """

    def __init__(self, ground: Ground, *, servers: int, sdks: int, told: Told) -> None:
        self._ground = ground
        self._settings = ground.settings_for(ground.new_database())
        self._servers = servers
        self._sdks = sdks
        self._told = told

    async def run(self, rounds: int) -> tuple[Times, Times]:
        """Through the ledger; and by the file on this machine, with PostgreSQL stopped."""
        async with AsyncExitStack() as stack:
            processes = stack.enter_context(ExitStack())
            ports = []
            for number in range(self._servers):
                self._told(f"server {number + 1} of {self._servers} starts")
                # With PostgreSQL stopped they have much to complain of.
                log = self._settings.data_dir.with_suffix(".log")
                ports.append(processes.enter_context(serving(LEDGER, self._settings, log=log)))
            addresses = [f"http://127.0.0.1:{port}" for port in ports]
            staff = [await self._staff(stack, address) for address in addresses]
            await _register(staff[0])
            asking = sign_token(self._settings, role="service", sub="drill")
            asked = Asked(token=asking, org=ORG, key=KEY)
            asks: list[Server] = await stack.enter_async_context(servers(ports, asked))
            over = [addresses[number % len(addresses)] for number in range(self._sdks)]
            async with sdks(over, asked) as listens:
                everybody: list[Witness] = [*asks, *listens]
                self._told("everybody gates before the first round")
                await _watched(everybody, allowed=False, since=0.0, change="start", number=0)
                by_ledger = await self._by_ledger(staff, everybody, rounds)
            return by_ledger, await self._by_file(asks, min(rounds, _BY_FILE))

    async def _by_ledger(
        self, staff: Sequence[httpx.AsyncClient], everybody: Sequence[Witness], rounds: int
    ) -> Times:
        times = Times()
        for number in range(1, rounds + 1):
            server = staff[number % len(staff)]
            for change, allowed in (("kill", True), ("resume", False)):
                self._told(f"round {number} of {rounds}: {change}")
                await asyncio.sleep(uniform(0, 0.2))  # noqa: S311 - out of step with heartbeats
                since = time.monotonic()
                await _turn(server, change)
                times.add(
                    await _watched(
                        everybody, allowed=allowed, since=since, change=change, number=number
                    )
                )
        return times

    async def _by_file(self, asks: Sequence[Witness], rounds: int) -> Times:
        self._told("PostgreSQL stops")
        await in_thread(_stopped, self._ground.server)
        times, file = Times(), switch_file(self._settings)
        for number in range(1, rounds + 1):
            for change, allowed in (("off", True), ("on", False)):
                self._told(f"PostgreSQL is stopped, round {number} of {rounds}: {change} by file")
                since = time.monotonic()
                await in_thread(_write, file, change)
                times.add(
                    await _watched(asks, allowed=allowed, since=since, change=change, number=number)
                )
        return times

    async def _staff(self, stack: AsyncExitStack, address: str) -> httpx.AsyncClient:
        token = sign_token(self._settings, role="super_admin", sub="drill")
        headers = {"Authorization": f"Bearer {token}"}
        client = httpx.AsyncClient(base_url=address, headers=headers, timeout=_ASK_WITHIN)
        return await stack.enter_async_context(client)


async def _register(staff: httpx.AsyncClient) -> None:
    body = {"id": ORG, "name": "Drill", "reason": _REASON}
    (await staff.post("/api/v1/admin/orgs", json=body)).raise_for_status()


async def _turn(staff: httpx.AsyncClient, change: str) -> None:
    answer = await staff.post(f"{_ROLLOUT}/{change}", json={"reason": _REASON})
    answer.raise_for_status()


async def _watched(
    everybody: Sequence[Witness], *, allowed: bool, since: float, change: str, number: int
) -> list[Seen]:
    """Each of them, until it obeyed: since before the change was sent, its commit included."""

    async def one(witness: Witness) -> Seen:
        seconds: float | None = None
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                seconds = max(0.0, await witness.obeyed(allowed=allowed) - since)
        except TimeoutError:
            pass
        return Seen(who=witness.name, change=change, round=number, seconds=seconds)

    return await asyncio.gather(*(one(witness) for witness in everybody))


def _stopped(server: EmbeddedPostgres) -> None:
    """Nobody else holds it, so it stops; return when it answers no more."""
    server.release()
    deadline = time.monotonic() + _STOPS_WITHIN
    while time.monotonic() < deadline:
        try:
            psycopg.connect(server.owner_url, connect_timeout=1).close()
        except psycopg.OperationalError:
            return
        time.sleep(0.1)
    raise RuntimeError("PostgreSQL did not stop")


def _write(file: Path, word: str) -> None:
    file.write_text(f"{word}\n", encoding="utf-8")
