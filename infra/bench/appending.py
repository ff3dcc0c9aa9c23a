"""Appends: one event and both inline view rows, with many commands waiting at once."""

from itertools import count
from uuid import uuid4

from eventsourcing.persistence import StoredEvent

from infra.bench.figures import Figure, Target
from infra.bench.ground import Ground
from infra.bench.references import (
    BARE,
    BARE_ALONE,
    LIBRARY,
    LIBRARY_ALONE,
    MOST_THREADS,
    inserts,
    library,
)
from infra.bench.rounds import Sample, arm, closed_loop, in_turns
from infra.bench.samples import Written, sample_org
from infra.clock import LedgerClock
from infra.store.append import Append
from infra.store.journal import Journal
from infra.wiring import dialling

PART = "append"
WAITING = (1, 16, 64, 256)
_RATIOS = {16: 1.0, 64: 2.5}  # to bare INSERTs of 16 threads
_ALONE = Target(of="value", sense="at most", bound=5.0)


class Appends:
    """Appends to orgs in turn, so that no two of those that wait are on one stream."""

    def __init__(self, journal: Journal, written: Written, *, orgs: int) -> None:
        self._journal = journal
        self._written = written
        self._versions = [0] * orgs
        self._turns = count()

    async def sample(self, *, waiting: int, seconds: float) -> Sample:
        """As many as can be had in `seconds`."""
        return await closed_loop(self._append, waiting=waiting, seconds=seconds)

    async def _append(self, number: int) -> None:
        org = next(self._turns) % len(self._versions)
        version = self._versions[org]
        stream = f"org-{org + 1}"
        stored = StoredEvent(stream, version + 1, self._written.topic, self._written.body)
        appended = await self._journal.append(
            Append(
                command_id=uuid4(),
                stream=stream,
                expected=version,
                events=[(uuid4(), stored)],
                views=self._written.views,
            )
        )
        if appended.verdict != "appended":
            raise AssertionError(f"an append to {stream} came to '{appended.verdict}'")
        self._versions[org] = version + 1


async def append(ground: Ground) -> list[Figure]:
    """Against bare INSERTs of the same event, and against the library's recorder."""
    sizes, where = ground.sizes, ground.new_database()
    _, written = sample_org(LedgerClock().now())
    journal = Journal(dialling(where), clock=LedgerClock())
    with inserts(where.owner_url, written) as bare, library(where.owner_url, written) as theirs:
        journal.start()
        try:
            ours = Appends(journal, written, orgs=max(sizes.orgs, 2 * max(WAITING)))
            seconds = sizes.seconds
            arms = {BARE: arm(bare.sample, threads=MOST_THREADS, seconds=seconds)}
            arms |= {_waiting(n): arm(ours.sample, waiting=n, seconds=seconds) for n in WAITING[1:]}
            arms |= {
                LIBRARY: arm(theirs.sample, threads=MOST_THREADS, seconds=seconds),
                BARE_ALONE: arm(bare.sample, threads=1, seconds=seconds),
                _waiting(1): arm(ours.sample, waiting=1, seconds=seconds),
                LIBRARY_ALONE: arm(theirs.sample, threads=1, seconds=seconds),
            }
            taken = await in_turns(arms, rounds=sizes.rounds, told=ground.told)
        finally:
            await journal.close()
    return _figures(taken)


def _figures(taken: dict[str, list[Sample]]) -> list[Figure]:
    def rates(name: str, against: str, target: Target | None = None) -> Figure:
        return Figure(
            part=PART,
            what=name,
            unit="events/s",
            rounds=[sample.rate for sample in taken[name]],
            reference=against,
            reference_rounds=[sample.rate for sample in taken[against]],
            target=target,
        )

    def latencies(percentile: int, against: str, target: Target | None = None) -> Figure:
        return Figure(
            part=PART,
            what=f"{_waiting(1)}, p{percentile}",
            unit="ms",
            rounds=[sample.milliseconds(percentile) for sample in taken[_waiting(1)]],
            reference=against,
            reference_rounds=[sample.milliseconds(percentile) for sample in taken[against]],
            target=target,
        )

    figures = []
    for waiting in WAITING[1:]:
        bound = _RATIOS.get(waiting)
        target = Target(of="ratio", sense="at least", bound=bound) if bound else None
        figures.append(rates(_waiting(waiting), BARE, target))
    figures += [rates(_waiting(waiting), LIBRARY) for waiting in WAITING[1:]]
    figures += [rates(_waiting(1), against) for against in (BARE_ALONE, LIBRARY_ALONE)]
    return [*figures, latencies(50, BARE_ALONE), latencies(99, BARE_ALONE, _ALONE)]


def _waiting(number: int) -> str:
    return f"{number} waiting" if number > 1 else "alone"
