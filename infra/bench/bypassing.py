"""Bypasses: each on record before it is allowed, with many callers waiting at once."""

import json
from dataclasses import asdict, replace

from domain.bypass import BYPASS_USES_STREAM, BypassUsed, Use
from domain.ids import org_id
from infra.bench import samples
from infra.bench.asking import Connection, connections, request
from infra.bench.figures import Figure, Target
from infra.bench.ground import Ground
from infra.bench.references import BARE, BARE_ALONE, MOST_THREADS, inserts
from infra.bench.rounds import Sample, arm, closed_loop, in_turns, require
from infra.bench.samples import BY, Written, keys, sample_org, shipped_catalog
from infra.bench.serving import LEDGER, serving
from infra.bench.taken import Taken
from infra.bypass.notes import made
from infra.bypass.uses import Uses
from infra.clock import LedgerClock
from infra.store.mapper import fact_body
from infra.tokens import sign_token

PART = "bypass"
WAITING = (1, 16, 64, 256)
CALLERS = 64
_HTTP = f"HTTP, {CALLERS} connections"
_ORG = org_id("100001")
_DENIED = keys(shipped_catalog())[-1]  # the one grant that a first order leaves out
_USE = Use(org=_ORG, key=_DENIED, denied_by="not_granted", route="GET /leads")
_TARGET = Target(of="value", sense="at least", bound=10_000.0)
UNIT = "audits/s"


class Audits:
    """Uses of the bypass; every one of them must come back with a position of its own."""

    def __init__(self, uses: Uses) -> None:
        self._uses = uses

    async def sample(self, *, waiting: int, seconds: float) -> Sample:
        """As many as can be had in `seconds`."""
        positions: set[int | None] = set()

        async def use(number: int) -> None:
            positions.add(await self._uses.record(_USE, by=BY))

        taken = await closed_loop(use, waiting=waiting, seconds=seconds)
        require(None not in positions and len(positions) == taken.count, taken.count)
        return taken


class Requests:
    """The same over HTTP: the token, the verdict and the answer come on top."""

    def __init__(self, port: int, *, token: str) -> None:
        self._port = port
        body = {"org": _ORG, "key": _DENIED, "route": _USE.route, "reason": samples.REASON}
        bearer = f"Authorization: Bearer {token}"
        self._asked = request("POST", "/api/v1/bypass/uses", bearer, body=json.dumps(body).encode())

    async def sample(self, *, seconds: float) -> Sample:
        """As many as can be had over the connections."""
        async with connections(self._port, CALLERS) as made:

            async def use(number: int) -> None:
                connection: Connection = made[number]
                answered = await connection.ask(self._asked)
                require(answered.status == 200 and b'"bypassed":true' in answered.body, answered)

            return await closed_loop(use, waiting=CALLERS, seconds=seconds)


async def bypass(ground: Ground) -> list[Figure]:
    """Against bare INSERTs of the same event.

    The server has a database of its own, as with commands: it would hear of what happens here.
    """
    sizes, here, there = ground.sizes, ground.new_database(), ground.new_database()
    async with ground.started(there) as parts:
        await parts.ledger.execute(samples.first_order(_ORG, parts.shelf.catalog))
    settings = ground.settings_for(there)
    token = sign_token(settings, role="super_admin", sub="bench")
    with serving(LEDGER, settings) as port, inserts(here.owner_url, _written()) as bare:
        async with ground.started(here) as parts:
            ours, http = Audits(parts.bypasses.uses), Requests(port, token=token)
            arms = {
                BARE: arm(bare.sample, threads=MOST_THREADS, seconds=sizes.seconds),
                BARE_ALONE: arm(bare.sample, threads=1, seconds=sizes.seconds),
            }
            arms |= {
                _waiting(n): arm(ours.sample, waiting=n, seconds=sizes.seconds) for n in WAITING
            }
            arms[_HTTP] = arm(http.sample, seconds=sizes.seconds)
            taken = await in_turns(arms, rounds=sizes.rounds, told=ground.told)
    return _figures(Taken(PART, taken))


def _waiting(number: int) -> str:
    return f"{number} callers" if number > 1 else "alone"


def _figures(taken: Taken) -> list[Figure]:
    several, alone, asked = [_waiting(n) for n in WAITING[1:]], _waiting(1), _waiting(CALLERS)
    targets = {asked: _TARGET}
    return [
        *(taken.rate(name, against=BARE, unit=UNIT, target=targets.get(name)) for name in several),
        taken.rate(alone, against=BARE_ALONE, unit=UNIT),
        *(taken.latency(asked, percentile, against=BARE) for percentile in (50, 99)),
        *(taken.latency(alone, percentile, against=BARE_ALONE) for percentile in (50, 99)),
        taken.rate(_HTTP, against=BARE, unit=UNIT),
        taken.latency(_HTTP, 99, against=BARE),
    ]


def _written() -> Written:
    """The event of a use, as the bare INSERTs write it."""
    now = LedgerClock().now()
    content = asdict(_USE)
    used = made(BypassUsed, stream=BYPASS_USES_STREAM, by=BY, now=now, content=content)
    _, written = sample_org(now)
    return replace(written, topic=used.TOPIC, body=fact_body(used))
