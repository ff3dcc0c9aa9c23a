"""`ledger_append` against a model of it: whatever a batch mixes, both come to the same."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

import pytest

from infra.store.append import Append, ViewRows
from tests.infra.store.world import Connection, append, assert_gapless, call, log

STREAMS = [f"org-{number}" for number in range(6)]

Outcome = tuple[str, int, int | None, bytes | None, bytes | None]


@dataclass
class Model:
    """The rules one after another, without a thought for speed."""

    log: list[tuple[str, int, UUID]] = field(default_factory=list)
    known: dict[UUID, Outcome] = field(default_factory=dict)
    views: dict[str, tuple[str, int, int, bytes, str]] = field(default_factory=dict)
    snapshots: dict[tuple[str, int], bytes] = field(default_factory=dict)

    def version(self, stream: str) -> int:
        return sum(place[0] == stream for place in self.log)

    def call(self, batch: Sequence[Append]) -> list[Outcome]:
        before, seen, new = dict(self.known), set[UUID](), set[str]()
        outcomes: list[Outcome] = []
        for wanted in batch:
            version = self.version(wanted.stream)
            stale = wanted.expected is not None and (
                wanted.expected != version or wanted.stream in new
            )
            if wanted.command_id in self.known:
                outcomes.append(self.known[wanted.command_id])
            elif wanted.command_id in seen or stale:
                outcomes.append(("conflict", version, None, None, None))
            else:
                outcomes.append(self.append(wanted, version))
            if wanted.command_id not in before:
                seen.add(wanted.command_id)
                new.add(wanted.stream)
        return outcomes

    def append(self, wanted: Append, version: int) -> Outcome:
        first = len(self.log) + 1 if wanted.events else None
        for event_id, _, _ in wanted.events:
            version += 1
            self.log.append((wanted.stream, version, event_id))
        if wanted.views and wanted.events:
            rows = wanted.views
            place = (version, len(self.log))
            self.views[wanted.stream[4:]] = (rows.name, *place, rows.state, rows.granted)
            if version // 100 > (wanted.expected or 0) // 100:
                self.snapshots[wanted.stream, version] = rows.state
        self.known[wanted.command_id] = ("known", version, first, *_answer(wanted))
        return ("appended", version, first, None, None)


def _answer(wanted: Append) -> tuple[bytes | None, bytes | None]:
    return wanted.fingerprint, wanted.response


def a_batch(random: Random, model: Model, former: list[Append]) -> list[Append]:
    """Now all on streams of their own, now crowded; with repeats of now and of then."""
    crowd = random.random() < 0.7
    size = random.randint(1, 12 if crowd else len(STREAMS))
    chosen = random.choices(STREAMS, k=size) if crowd else random.sample(STREAMS, size)
    batch: list[Append] = []
    for stream in chosen:
        if crowd and former and random.random() < 0.25:
            again = random.choice(random.choice([former[-20:], batch or former]))
            # Its id alone counts, also on another stream.
            batch.append(random.choice([again, again._replace(stream=stream)]))
            continue
        expected = random.choice([None, *[model.version(stream)] * 5, random.randint(0, 9)])
        views = ViewRows(name=f"Name {random.random()}", state=random.randbytes(9), granted="{}")
        wanted = append(
            stream,
            expected=expected,
            events=random.choice([0, 1, 1, 1, 2, 5, 40]),
            views=None if expected is None or random.random() < 0.2 else views,
            fingerprint=random.choice([None, random.randbytes(4)]),
            response=random.choice([None, random.randbytes(6)]),
        )
        batch.append(wanted)
        former.append(wanted)
    return batch


@pytest.mark.parametrize("seed", range(3))
def test_any_batch_comes_to_what_the_rules_say(app: Connection, seed: int) -> None:
    """Verdicts, versions, positions, stored answers, the log, the views and the snapshots."""
    random, model, former = Random(seed), Model(), list[Append]()
    met: set[str] = set()
    for _ in range(60):
        batch = a_batch(random, model, former)

        outcomes = call(app, *batch)

        told = [(o.verdict, o.version, o.first_position, *o[4:6]) for o in outcomes]
        assert told == model.call(batch)
        met |= {outcome.verdict for outcome in outcomes}
    rows = log(app)
    assert met == {"appended", "known", "conflict"}
    assert [(row.stream, row.version, row.event_id) for row in rows] == model.log
    assert_gapless(rows)
    assert views(app) == model.views
    assert snapshots(app) == model.snapshots != {}


def views(app: Connection) -> dict[str, tuple[object, ...]]:
    """Both views of each org."""
    found = app.execute(
        "SELECT org, name, c.org_version, position, state, l.granted"
        "  FROM ledger.current_entitlements c JOIN ledger.legacy_enabled_modules l"
        " USING (org, org_version)"
    )
    return {row[0]: row[1:] for row in found.fetchall()}


def snapshots(app: Connection) -> dict[tuple[str, int], bytes]:
    found = app.execute("SELECT stream, version, state FROM ledger.snapshots").fetchall()
    return {(stream, version): state for stream, version, state in found}
