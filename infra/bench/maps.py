"""The full map of an org: over HTTP beside FastAPI's hello-world, and in process."""

import hashlib

from api.render import dumped, org_entitlements
from domain.ids import org_id
from infra.bench import samples
from infra.bench.asking import connections, request
from infra.bench.figures import Figure, Target
from infra.bench.ground import Ground
from infra.bench.rounds import Arm, Sample, arm, closed_loop, in_turns, require, timed
from infra.bench.serving import HELLO, LEDGER, serving
from infra.bench.taken import Taken
from infra.clock import LedgerClock
from infra.tokens import sign_token
from projections.table import Entry, Judged

PART = "map"
CONNECTIONS = 16
_ORG = org_id("100001")
_HELLO = f"FastAPI's hello-world, {CONNECTIONS} connections"
_ANEW = "rendered anew"
_RENDERED = "rendered before"
_TARGET = Target(of="ratio", sense="at least", bound=1.2)


async def full_map(ground: Ground) -> list[Figure]:
    """Asked for by a user of the org, and asked whether it changed."""
    where = ground.new_database()
    async with ground.started(where) as parts:
        catalog = samples.shipped_catalog()
        await parts.ledger.execute(samples.first_order(_ORG, catalog))
    settings = ground.settings_for(where)
    token = sign_token(settings, role="user", org=_ORG, sub="bench")
    path, bearer = f"/api/v1/orgs/{_ORG}/entitlements", f"Authorization: Bearer {token}"
    with serving(LEDGER, settings) as port, serving(HELLO, settings) as hello_port:
        async with connections(port, 1) as [one]:
            whole = await one.ask(request("GET", path, bearer))
        require(whole.status == 200, whole)
        etag = whole.head.partition(b"\r\netag: ")[2].partition(b"\r\n")[0].decode()
        unchanged = request("GET", path, bearer, f"If-None-Match: {etag}")
        seconds = ground.sizes.seconds
        full = f"full map, {len(whole.body)} bytes, {CONNECTIONS} connections"
        same = f"not modified (304), {CONNECTIONS} connections"
        arms: dict[str, Arm] = {
            _HELLO: arm(_asked, hello_port, request("GET", "/"), 200, seconds=seconds),
            full: arm(_asked, port, request("GET", path, bearer), 200, seconds=seconds),
            same: arm(_asked, port, unchanged, 304, seconds=seconds),
        }
        taken = Taken(PART, await in_turns(arms, rounds=ground.sizes.rounds, told=ground.told))
    return [
        taken.rate(full, against=_HELLO, unit="requests/s", target=_TARGET),
        taken.rate(same, against=_HELLO, unit="requests/s"),
        await _in_process(ground),
    ]


async def _asked(port: int, question: bytes, status: int, *, seconds: float) -> Sample:
    async with connections(port, CONNECTIONS) as made:

        async def ask(number: int) -> None:
            answered = await made[number].ask(question)
            require(answered.status == status, answered)

        return await closed_loop(ask, waiting=CONNECTIONS, seconds=seconds)


async def _in_process(ground: Ground) -> Figure:
    """What a request spends on the map itself: found rendered, or judged and rendered anew."""
    catalog, clock = samples.shipped_catalog(), LedgerClock()
    org, _ = samples.sample_org(clock.now())
    entry = Entry(org, expires=float("inf"))

    def anew() -> None:
        judged = Judged(entry.lanes, catalog, clock.now())
        hashlib.sha256(dumped(org_entitlements(org.org_id, entry.lanes, judged))).hexdigest()

    def before() -> None:
        entry.judged(catalog, clock.now()).rendered.get("map")

    times = max(20, int(ground.sizes.seconds * 400))

    async def sample_anew() -> Sample:
        return timed(anew, times=times)

    async def sample_before() -> Sample:
        return timed(before, times=times * 100)

    arms = {_ANEW: sample_anew, _RENDERED: sample_before}
    taken = Taken(PART, await in_turns(arms, rounds=ground.sizes.rounds, told=ground.told))
    return taken.duration(_RENDERED, against=_ANEW)
