"""Appends: one event and both inline view rows, with many commands waiting at once."""

from itertools import count

from domain.ids import uuid7
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
from infra.bench.rounds import Sample, arm, closed_loop, in_turns, require
from infra.bench.samples import Written, sample_org
from infra.bench.taken import Taken
from infra.clock import LedgerClock
from infra.store.append import Append, StoredFact
from infra.store.journal import Journal
from infra.wiring import dialling

PART = "append"
WAITING = (1, 16, 64, 256)
UNIT = "events/s"


def _waiting(number: int) -> str:
    return f"{number} waiting" if number > 1 else "alone"


_TARGETS = {
    _waiting(16): Target(of="ratio", sense="at least", bound=1.0),
    _waiting(64): Target(of="ratio", sense="at least", bound=2.5),
}
_ALONE = Target(of="value", sense="at most", bound=5.0)


class Appends:
    """Appends to orgs in turn, so that no two of those that wait are on one stream."""

    def __init__(
        self, journal: Journal, written: Written, *, clock: LedgerClock, orgs: int
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._written = written
        self._versions = [0] * orgs
        self._turns = count()

    async def sample(self, *, waiting: int, seconds: float) -> Sample:
        """As many as can be had in `seconds`."""
        return await closed_loop(self._append, waiting=waiting, seconds=seconds)

    async def _append(self, number: int) -> None:
        org = next(self._turns) % len(self._versions)
        version, now = self._versions[org], self._clock.now()
        stream = f"org-{org + 1}"
        # Rows that stay as they are would cost less to write than those of a real change.
        views = self._written.former if version % 2 else self._written.views
        appended = await self._journal.append(
            Append(
                command_id=uuid7(now),
                stream=stream,
                expected=version,
                events=[StoredFact(uuid7(now), self._written.topic, self._written.body)],
                views=views,
            )
        )
        require(appended.verdict == "appended", appended)
        self._versions[org] = version + 1


async def append(ground: Ground) -> list[Figure]:
    """Against bare INSERTs of the same event, and against the library's recorder."""
    sizes, where = ground.sizes, ground.new_database()
    clock = LedgerClock()
    _, written = sample_org(clock.now())
    journal = Journal(dialling(where), clock=clock)
    with inserts(where.owner_url, written) as bare, library(where.owner_url, written) as theirs:
        journal.start()
        try:
            orgs = max(sizes.orgs, 2 * max(WAITING))
            ours = Appends(journal, written, clock=clock, orgs=orgs)
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
    return _figures(Taken(PART, taken))


def _figures(taken: Taken) -> list[Figure]:
    several = [_waiting(number) for number in WAITING[1:]]
    alone = _waiting(1)
    return [
        *(taken.rate(name, against=BARE, unit=UNIT, target=_TARGETS.get(name)) for name in several),
        *(taken.rate(name, against=LIBRARY, unit=UNIT) for name in several),
        *(taken.rate(alone, against=other, unit=UNIT) for other in (BARE_ALONE, LIBRARY_ALONE)),
        taken.latency(alone, 50, against=BARE_ALONE),
        taken.latency(alone, 99, against=BARE_ALONE, target=_ALONE),
    ]
