"""The decision in process: beside two dict lookups and a clock, and beside engines of others."""

import asyncio
import gc
import random
import time
import tracemalloc
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from domain.ids import OrgId, org_id, org_stream
from domain.lanes import Grant
from domain.org import NEVER, Org
from infra.bench import samples
from infra.bench.figures import Figure, Target
from infra.bench.ground import Ground
from infra.bench.peers import Left, answering, installed
from infra.bench.rounds import Arm, Sample, arm, in_turns, require, timed
from infra.bench.taken import Taken
from infra.clock import LedgerClock
from projections import current
from projections.rollout import Gates
from projections.rows import Rows
from projections.shelf import Shelf
from projections.table import Entry, Judged, OrgTable

PART = "decision"
ORGS = 10_000
PLANS = 4
_TTL = 86_400.0
_QUESTIONS = 1_000  # that every engine is asked in a round
_BASE = "two dict lookups and a clock compare"
_HOT, _RANDOM = "one org and key, over and over", f"{ORGS:,} orgs at random"
_THEIRS = f"the {_QUESTIONS:,} questions that every engine is asked"
_APPLIED, _JUDGED = "one org's change applied", "every key of it judged by itself"
_RANDOM_TARGET = Target(of="value", sense="at most", bound=0.5)
_HOT_TARGET = Target(of="ratio", sense="at most", bound=2.5)
_APPLIED_TARGET = Target(of="value", sense="at most", bound=25.0)
_PEER_TARGET = Target(of="ratio", sense="at most", bound=1 / 25)


class World:
    """Orgs on a few plans, some on trial, in a table of rows."""

    def __init__(self) -> None:
        self.clock = LedgerClock()
        self.catalog = samples.shipped_catalog()
        self.shelf = Shelf()
        billable = [module.key for module in self.catalog.billable]
        self.modules = billable
        self.plans = [billable[3 * n : 3 * n + 2 + 4 * n] for n in range(PLANS)]
        self.rows = self.new_rows()
        self.shelf.put(self.catalog)

    def new_rows(self) -> Rows:
        """An empty table of rows."""

        async def nothing(org: OrgId) -> Org | None:
            return None

        table = OrgTable(
            fetch=nothing, current=lambda: True, ttl_seconds=_TTL, monotonic=time.monotonic
        )
        rows = Rows(
            table=table,
            shelf=self.shelf,
            gating=Gates(),
            heard=time.monotonic,
            ttl_seconds=_TTL,
            now=self.clock.now,
            monotonic=time.monotonic,
        )
        if self.shelf.version:
            self.shelf.put(self.catalog, instead=True)
        return rows

    def org(self, number: int, *, version: int | None = None) -> Org:
        """An org on the plan of its number."""
        org = Org.blank(org_stream(org_id(100_000 + number)))
        grants = [
            Grant(
                id=f"{number}-{place}",
                key=key,
                kind="full",
                source=samples.SOURCE,
                source_ref=None,
                starts=_BEGAN,
                ends=None,
            )
            for place, key in enumerate(self.plans[number % PLANS])
        ]
        org.restore(
            name=f"Organisation {number}",
            grants={grant.id: grant for grant in grants},
            blocks={},
            used_trials={},
            ticked=_BEGAN,
            quiet_until=NEVER,
        )
        org.version = number if version is None else version
        org.modified_on = _BEGAN
        return org

    def entry(self, number: int, *, version: int | None = None) -> Entry:
        """The same, as the table of orgs holds it."""
        return Entry(self.org(number, version=version), expires=float("inf"))


_BEGAN = datetime.fromisoformat("2026-01-01T00:00:00+00:00")


async def decision(ground: Ground) -> list[Figure]:
    """Hot, at random, against the others; what a change costs; what many orgs take."""
    sizes, world = ground.sizes, World()
    ids = [_id(number) for number in range(ORGS)]
    for number in range(ORGS):
        world.rows.put(world.entry(number, version=number % 97), world.clock.now())
    seeded = random.Random(20_260_101)  # noqa: S311 - the same questions in every run
    questions = [(seeded.choice(ids), seeded.choice(world.modules)) for _ in range(_QUESTIONS)]
    at = world.clock.now()
    expected = "".join(_answer(world, org, key, at) for org, key in questions)
    model = {
        "plans": world.plans,
        "orgs": {_id(number): number % PLANS for number in range(ORGS)},
        "questions": questions,
    }
    left = Left()
    keys = list(world.catalog.walk())
    many = [(seeded.choice(ids), seeded.choice(keys)) for _ in range(100_000)]
    number = max(1, int(sizes.seconds * len(many)))
    theirs = questions * max(1, number // _QUESTIONS)
    arms: dict[str, Arm] = {
        _BASE: _sampled(partial(_base, ids, keys, many[:1] * number)),
        _HOT: _sampled(partial(_asked, world.rows, many[:1] * number, at)),
        _RANDOM: _sampled(partial(_asked, world.rows, many[:number], at)),
        _THEIRS: _sampled(partial(_asked, world.rows, theirs, at)),
        _JUDGED: _sampled(partial(_judge_all, world, max(20, number // 500))),
        _APPLIED: _sampled(partial(_apply_all, world, max(20, number // 500))),
    }
    with answering(installed(left), model, expected, left) as peers:
        arms |= {peer: arm(engine.sample) for peer, engine in peers.items()}
        taken = Taken(PART, await in_turns(arms, rounds=sizes.rounds, told=ground.told))
    return [
        taken.duration(_RANDOM, against=_BASE, target=_RANDOM_TARGET),
        taken.duration(_HOT, against=_BASE, target=_HOT_TARGET),
        *(taken.duration(_THEIRS, against=peer, target=_PEER_TARGET) for peer in peers),
        taken.duration(_APPLIED, against=_JUDGED, target=_APPLIED_TARGET),
        *_memory(world),
        *await _million(world, ground),
    ]


def _id(number: int) -> OrgId:
    return org_id(100_000 + number)


def _answer(world: World, org: OrgId, key: str, at: datetime) -> str:
    verdict = world.rows.verdict(org, key, at)
    require(verdict is not None, (org, key))
    return "1" if verdict is not None and verdict.allowed else "0"


def _sampled(act: Callable[[], Sample]) -> Arm:
    async def sample() -> Sample:
        return act()

    return sample


def _asked(rows: Rows, questions: Sequence[tuple[OrgId, str]], at: datetime) -> Sample:
    verdict = rows.verdict
    started = time.perf_counter()
    for org, key in questions:
        verdict(org, key, at)
    return Sample(len(questions), time.perf_counter() - started)


def _base(ids: Sequence[str], keys: Sequence[str], questions: Sequence[tuple[str, str]]) -> Sample:
    orgs, places, monotonic = dict.fromkeys(ids, 1), dict.fromkeys(keys, 1), time.monotonic

    def look(org: str, key: str, until: float) -> bool:
        return bool(orgs[org] and places[key]) and monotonic() < until

    started = time.perf_counter()
    for org, key in questions:
        look(org, key, float("inf"))
    return Sample(len(questions), time.perf_counter() - started)


def _apply_all(world: World, times: int) -> Sample:
    entries = [world.entry(number) for number in range(times)]
    at = world.clock.now()
    started = time.perf_counter()
    for entry in entries:
        world.rows.put(entry, at)
    return Sample(times, time.perf_counter() - started)


def _judge_all(world: World, times: int) -> Sample:
    entry, at = world.entry(3), world.clock.now()
    return timed(lambda: Judged(entry.lanes, world.catalog, at), times=times)


def _memory(world: World) -> list[Figure]:
    """Bytes of one cached org: of rows that differ, of rows that are shared, of whole orgs."""
    whole = _held(world.entry)
    apart = _held_rows(world, shared=False)
    shared = _held_rows(world, shared=True)
    return [
        _bytes("memory of a cached org", apart, whole, bound=450),
        _bytes("memory of a cached org, rows shared", shared, whole, bound=150),
    ]


def _bytes(what: str, value: float, whole: float, *, bound: float) -> Figure:
    return Figure(
        part=PART,
        what=what,
        unit="bytes",
        rounds=[value],
        reference="a whole org, as commands need it",
        reference_rounds=[whole],
        target=Target(of="value", sense="at most", bound=bound),
    )


def _held(make: Callable[[int], object]) -> float:
    gc.collect()
    tracemalloc.start()
    kept = [make(number) for number in range(1_000)]
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return grown / len(kept)


def _held_rows(world: World, *, shared: bool) -> float:
    rows = world.new_rows()
    at = world.clock.now()
    gc.collect()
    tracemalloc.start()
    for number in range(ORGS):
        rows.put(world.entry(number, version=7 if shared else number + 1_000), at)
    gc.collect()
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return grown / ORGS


async def _million(world: World, ground: Ground) -> list[Figure]:
    """As many orgs as are promised, from the bytes of their rows in the database."""
    orgs = 1_000_000 if ground.sizes.seconds >= 1 else 20_000
    rows, at = world.new_rows(), world.clock.now()
    states = [current.written(world.org(number)) for number in range(PLANS)]
    empty = _pause()
    spent, parsed = 0.0, 0.0
    for number in range(orgs):
        started = time.perf_counter()
        org = current.read(_id(number), version=7, state=states[number % PLANS])
        between = time.perf_counter()
        rows.put(Entry(org, expires=float("inf")), at)
        parsed += between - started
        spent += time.perf_counter() - started
        if number % 5_000 == 0:
            ground.told(f"{number:,} of {orgs:,} orgs")
            await asyncio.sleep(0)  # so that it can be interrupted
    require(len(rows) == orgs, len(rows))
    full = _pause()
    return [
        _once(f"{orgs:,} orgs loaded", "s", spent, "their rows only read", parsed),
        _once(f"a full garbage collection beside {orgs:,} orgs", "ms", full, "without", empty),
    ]


def _pause() -> float:
    gc.collect()
    started = time.perf_counter()
    gc.collect()
    return (time.perf_counter() - started) * 1000


def _once(what: str, unit: str, value: float, reference: str, other: float) -> Figure:
    return Figure(
        part=PART,
        what=what,
        unit=unit,
        rounds=[value],
        reference=reference,
        reference_rounds=[other],
    )
