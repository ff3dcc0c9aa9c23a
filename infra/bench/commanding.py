"""Whole commands: loaded, decided and appended, in process and over HTTP."""

import asyncio
import json
from collections import Counter

from domain.catalog import Catalog
from domain.ids import OrgId, org_id
from domain.orders import Order
from infra.bench import samples
from infra.bench.asking import Connection, connections, request
from infra.bench.figures import Figure
from infra.bench.ground import Ground
from infra.bench.references import BARE, BARE_ALONE, MOST_THREADS, inserts
from infra.bench.rounds import Sample, arm, closed_loop, in_turns, require
from infra.bench.serving import LEDGER, serving
from infra.bench.taken import Taken
from infra.clock import LedgerClock
from infra.database import Database
from infra.store.ledger import Ledger
from infra.tokens import sign_token

PART = "command"
WAITING = (1, 16, 64)
_HOT = org_id("hot")


class Commands:
    """Grants and revokes in turn, through `Ledger.execute`."""

    def __init__(self, ledger: Ledger, catalog: Catalog) -> None:
        self._ledger = ledger
        self._commands = (samples.last_grant(catalog), samples.last_revoke(catalog))
        self._turns: Counter[OrgId] = Counter()

    async def distinct(self, *, waiting: int, seconds: float) -> Sample:
        """On as many orgs as there are tasks."""
        return await closed_loop(
            lambda number: self._execute(org_id(number + 1)), waiting=waiting, seconds=seconds
        )

    async def hot(self, *, waiting: int, seconds: float) -> Sample:
        """All on one org, whose commands the ledger carries out in the order they came."""
        return await closed_loop(lambda _: self._execute(_HOT), waiting=waiting, seconds=seconds)

    async def _execute(self, org: OrgId) -> None:
        turn = self._turns[org] % 2
        self._turns[org] += 1
        answer = await self._ledger.execute(
            Order(org=org, commands=self._commands[turn], by=samples.BY)
        )
        require(answer.changed, answer)


class Requests:
    """The same over HTTP, each connection with an org of its own."""

    def __init__(self, port: int, catalog: Catalog, *, token: str) -> None:
        self._port = port
        key = samples.keys(catalog)[-1]
        body = {"key": key, "source": samples.SOURCE, "reason": samples.REASON}
        self._requests = [
            [
                request(
                    "POST",
                    f"/api/v1/orgs/{number + 1}/commands/{command}",
                    f"Authorization: Bearer {token}",
                    body=json.dumps(body).encode(),
                )
                for command in ("grant", "revoke")
            ]
            for number in range(max(WAITING))
        ]
        self._turns: Counter[int] = Counter()

    async def sample(self, *, waiting: int, seconds: float) -> Sample:
        """On so many connections."""
        async with connections(self._port, waiting) as made:
            return await closed_loop(
                lambda number: self._ask(made[number], number), waiting=waiting, seconds=seconds
            )

    async def _ask(self, connection: Connection, number: int) -> None:
        turn = self._turns[number] % 2
        self._turns[number] += 1
        answered = await connection.ask(self._requests[number][turn])
        require(answered.status == 200 and b'"changed":true' in answered.body, answered)


async def command(ground: Ground) -> list[Figure]:
    """Against bare INSERTs of one event each: what a command costs beside its mere storing.

    The server has a database of its own: a ledger hears of what happens in its database, and that
    would cost whichever is not being measured.
    """
    sizes, catalog = ground.sizes, samples.shipped_catalog()
    here, there = ground.new_database(), ground.new_database()
    for where in (here, there):
        await _register(ground, where, catalog)
    _, written = samples.sample_org(LedgerClock().now())
    settings = ground.settings_for(there)
    token = sign_token(settings, role="super_admin", sub="bench")
    with serving(LEDGER, settings) as port, inserts(here.owner_url, written) as bare:
        async with ground.started(here) as parts:
            ours = Commands(parts.ledger, catalog)
            http = Requests(port, catalog, token=token)
            kinds = {"distinct orgs": ours.distinct, "one hot org": ours.hot, "HTTP": http.sample}
            arms = {
                BARE: arm(bare.sample, threads=MOST_THREADS, seconds=sizes.seconds),
                BARE_ALONE: arm(bare.sample, threads=1, seconds=sizes.seconds),
            } | {
                _name(kind, waiting): arm(sample, waiting=waiting, seconds=sizes.seconds)
                for kind, sample in kinds.items()
                for waiting in WAITING
            }
            samples_taken = await in_turns(arms, rounds=sizes.few_rounds, told=ground.told)
    taken = Taken(PART, samples_taken)
    figures = [
        taken.rate(
            _name(kind, waiting),
            against=BARE if waiting > 1 else BARE_ALONE,
            unit="commands/s",
        )
        for kind in kinds
        for waiting in WAITING
    ]
    alone = [_name(kind, 1) for kind in ("distinct orgs", "HTTP")]
    return figures + [
        taken.latency(name, percentile, against=BARE_ALONE)
        for name in alone
        for percentile in (50, 99)
    ]


async def _register(ground: Ground, where: Database, catalog: Catalog) -> None:
    orgs = [*(org_id(number + 1) for number in range(max(WAITING))), _HOT]
    async with ground.started(where) as parts:
        firsts = (samples.first_order(org, catalog) for org in orgs)
        await asyncio.gather(*(parts.ledger.execute(first) for first in firsts))


def _name(kind: str, waiting: int) -> str:
    return f"{kind}, {waiting} waiting" if waiting > 1 else f"{kind}, alone"
