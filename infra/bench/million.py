"""The audit log at a million events: its views, its pages, its past and its proof."""

import psycopg

from infra.bench.crowd import PART, Crowd, crowd
from infra.bench.figures import Figure, Target
from infra.bench.ground import Ground
from infra.bench.pages import pages
from infra.bench.past import as_of, followed
from infra.bench.rounds import arm, in_turns, once, require
from infra.bench.taken import Taken
from infra.bench.threads import in_thread
from infra.integrity.verifying import verify_log
from infra.store.connections import reading_pool

_VERIFIED = Target(of="value", sense="at least", bound=250_000)
_CONTENT = "SHA-256 of every event's content alone, in SQL"


async def audit(ground: Ground) -> list[Figure]:
    """At two lengths of the log; what does not grow with it is measured at the longer one."""
    few, many = ground.sizes.logs
    small, _ = await crowd(ground, events=few)
    large, rebuilt = await crowd(ground, events=many)
    return [
        *await pages(ground, small, large),
        *await as_of(ground, large),
        rebuilt,
        *await _verified(ground, large),
        *await followed(ground, large),
    ]


async def _verified(ground: Ground, made: Crowd) -> list[Figure]:
    async with reading_pool(made.where.app_url) as pool:

        async def verify() -> int:
            found = await verify_log(pool.connection, checkpoints=None)
            require(found.ok and found.events == made.events, found)
            return found.events

        async def hash_content() -> int:
            await in_thread(_hashed, made.where.owner_url)
            return made.events

        name = f"the chain of {made.events:,} events verified"
        arms = {_CONTENT: arm(once, hash_content), name: arm(once, verify)}
        samples = await in_turns(arms, rounds=ground.sizes.few_rounds, told=ground.told)
    taken = Taken(PART, samples)
    return [taken.rate(name, against=_CONTENT, unit="events/s", target=_VERIFIED)]


def _hashed(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SELECT max(sha256(state)) FROM ledger.events")
