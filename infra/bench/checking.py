"""`/check` over HTTP: beside FastAPI's hello-world, and beside a Cerbos server."""

import json
from contextlib import ExitStack

from domain.ids import org_id
from infra.bench import samples
from infra.bench.asking import Connection, connections, request
from infra.bench.cerbos import cerbos, question
from infra.bench.figures import Figure, Target
from infra.bench.ground import Ground
from infra.bench.peers import Left, installed_cerbos
from infra.bench.rounds import Arm, Sample, arm, closed_loop, in_turns, require
from infra.bench.serving import HELLO, LEDGER, serving
from infra.bench.taken import Taken
from infra.tokens import sign_token

PART = "check"
CONNECTIONS = 16
_ORGS = [org_id(100_001 + number) for number in range(10)]
_HELLO = f"FastAPI's hello-world, {CONNECTIONS} connections"
_CHECK = f"check, {CONNECTIONS} connections"
_BATCH = f"batch of 100 keys, {CONNECTIONS} connections"
_APART = f"batch of 10 orgs × 10 keys, {CONNECTIONS} connections"
_CERBOS = f"Cerbos, {CONNECTIONS} connections"
_UNIT = "requests/s"


async def check(ground: Ground) -> list[Figure]:
    """One question, and a hundred at once."""
    where, left = ground.new_database(), Left()
    catalog = samples.shipped_catalog()
    async with ground.started(where) as parts:
        for org in _ORGS:
            await parts.ledger.execute(samples.first_order(org, catalog))
    settings = ground.settings_for(where)
    token = sign_token(settings, role="service", sub="bench")
    bearer = f"Authorization: Bearer {token}"
    granted = samples.keys(catalog)[:-1]
    one = {"org": _ORGS[0], "key": granted[0]}
    many = {"orgs": _ORGS[:1], "keys": [*catalog.walk()][:100]}
    apart = {"orgs": _ORGS, "keys": [*catalog.walk()][:10]}
    with ExitStack() as stack:
        port = stack.enter_context(serving(LEDGER, settings))
        hello = stack.enter_context(serving(HELLO, settings))
        binary = installed_cerbos(left)
        asked, batch, tens = (
            request("POST", f"/api/v1/check{path}", bearer, body=json.dumps(body).encode())
            for path, body in (("", one), ("/batch", many), ("/batch", apart))
        )
        arms: dict[str, Arm] = {
            _HELLO: arm(sample, hello, request("GET", "/"), b"world", ground.sizes.seconds),
            _CHECK: arm(sample, port, asked, b'"allowed":true', ground.sizes.seconds),
            _BATCH: arm(sample, port, batch, b'"allowed":true', ground.sizes.seconds),
        }
        arms[_APART] = arm(sample, port, tens, b'"allowed":true', ground.sizes.seconds)
        if binary is not None:
            theirs = stack.enter_context(cerbos(binary))
            body = question(_ORGS[0], granted[0], granted)
            put = request("POST", "/api/check/resources", body=body)
            arms[_CERBOS] = arm(sample, theirs, put, b"EFFECT_ALLOW", ground.sizes.seconds)
        await _warm(port, asked, batch, tens)
        taken = Taken(PART, await in_turns(arms, rounds=ground.sizes.rounds, told=ground.told))
    figures = [
        taken.rate(_CHECK, against=_HELLO, unit=_UNIT, target=_least(1.15)),
        taken.rate(_BATCH, against=_HELLO, unit=_UNIT, target=_least(0.55)),
        taken.rate(_APART, against=_HELLO, unit=_UNIT),
    ]
    if binary is not None:
        figures.append(taken.rate(_CHECK, against=_CERBOS, unit=_UNIT, target=_least(3.0)))
    return figures


def _least(bound: float) -> Target:
    return Target(of="ratio", sense="at least", bound=bound)


async def _warm(port: int, *questions: bytes) -> None:
    async with connections(port, 1) as [one]:
        for asked in questions * 2:
            answered = await one.ask(asked)
            require(answered.status == 200, answered)


async def sample(port: int, asked: bytes, holds: bytes, seconds: float) -> Sample:
    """As many answers as can be had over the connections; each must hold something."""
    async with connections(port, CONNECTIONS) as made:

        async def ask(number: int) -> None:
            connection: Connection = made[number]
            answered = await connection.ask(asked)
            require(answered.status == 200 and holds in answered.body, answered)

        return await closed_loop(ask, waiting=CONNECTIONS, seconds=seconds)
