"""A walk along the chain: what it accepts, and what it names where it stops."""

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest

from domain.breaks import Break
from domain.chain import GENESIS, Walk, chain_hash, leaf_hash
from domain.entries import Entry, Page

TOPIC = "entitlements.Noted.v1"


def entry(position: int, stream: str = "org-1", version: int = 0, micros: int = 1_000) -> Entry:
    """An event without its hash; the version is the position unless told otherwise."""
    state = b'{"n":%d}' % position
    return Entry(position, stream, version or position, f"e{position}", TOPIC, micros, state, b"")


def chained(*entries: Entry) -> list[Entry]:
    """The same events, each with the hash that follows from those before it."""
    digest, found = GENESIS, []
    for each in entries:
        digest = chain_hash(digest, leaf_hash(each))
        found.append(each._replace(hash=digest))
    return found


def walked(entries: Sequence[Entry], *, until: int | None = None) -> Break | None:
    return Walk().step(entries, until=len(entries) if until is None else until)


def test_a_chain_that_is_right_is_walked_to_its_end() -> None:
    """The walk then holds the hash that the head must have."""
    log = chained(entry(1), entry(2), entry(3, "org-2", 1), entry(4, version=3))
    walk = Walk()

    assert walk.step(log, until=4) is None
    assert (walk.position, walk.hash) == (4, log[-1].hash)


def test_a_walk_in_steps_ends_where_a_walk_at_once_does() -> None:
    log = chained(*(entry(position) for position in range(1, 8)))
    walk = Walk()
    for row in log:
        assert walk.step([row], until=row.position) is None

    assert walk.hash == log[-1].hash


def test_the_hash_of_a_leaf_is_fixed_for_ever() -> None:
    """What was written with it can never be hashed anew, so these bytes must not change."""
    row = Entry(7, "org-Ω|2", 3, "018f-7", TOPIC, 1_767_225_600_000_001, b'{"a":"\xc3\xa9"}', b"")

    assert leaf_hash(row).hex() == (
        "8fdb41f16c0dd3e71af507fdec711de0c1699a9043979e5556de5c353919714e"
    )
    assert chain_hash(GENESIS, leaf_hash(row)).hex() == (
        "054dc2b3e77e0cd6791ee7bef08f53ef497d6dbfce709e51307a6aecef9c50f0"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"stream": "org-3"},
        {"version": 7},
        {"event_id": "another"},
        {"topic": "entitlements.Other.v1"},
        {"micros": 1_001},
        {"state": b'{"n":2} '},
        {"hash": b"\0" * 32},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_event_is_named_at_its_position(change: dict[str, object]) -> None:
    log = chained(entry(1), entry(2), entry(3))
    log[1] = log[1]._replace(**change)  # type: ignore[arg-type]  # one field of many types

    found = walked(log)

    assert found is not None
    assert (found.kind, found.position) == ("altered", 2)


def test_a_missing_position_is_named() -> None:
    log = chained(entry(1), entry(2), entry(3))

    found = walked([log[0], log[2]], until=3)

    assert found is not None
    assert (found.kind, found.position) == ("missing", 2)


def test_an_end_that_comes_too_early_is_named() -> None:
    """The head says three; there are two."""
    found = walked(chained(entry(1), entry(2)), until=3)

    assert found is not None
    assert (found.kind, found.position) == ("missing", 3)


def test_a_position_that_comes_twice_is_named() -> None:
    log = chained(entry(1), entry(2))

    found = walked([*log, log[1]], until=3)

    assert found is not None
    assert (found.kind, found.position) == ("order", 2)


def test_a_gap_in_a_streams_versions_is_named_though_the_chain_is_right() -> None:
    found = walked(chained(entry(1), entry(2), entry(3, version=4)))

    assert found is not None
    assert (found.kind, found.position) == ("version_gap", 3)


def test_a_time_that_falls_is_named_though_the_chain_is_right() -> None:
    found = walked(chained(entry(1, micros=5), entry(2, micros=5), entry(3, micros=4)))

    assert found is not None
    assert (found.kind, found.position) == ("recorded_at_falls", 3)


def test_a_stream_that_does_not_begin_at_1_must_be_looked_up() -> None:
    """A walk that began at the first position has not seen its predecessor."""
    walk = Walk()

    assert walk.step(chained(entry(1, "org-9", 5)), until=1) is None
    assert [place.position for place in walk.unsure] == [1]


def test_what_a_walk_has_forgotten_must_be_looked_up() -> None:
    """It remembers the versions of so many streams and no more."""
    rows = chained(entry(1, "org-1", 1), entry(2, "org-2", 1), entry(3, "org-1", 2))
    walk = Walk(most_streams=1)
    walk.step(rows[:2], until=2)

    assert walk.step(rows[2:], until=3) is None
    assert [place.position for place in walk.unsure] == [3]


def page(entries: Sequence[Entry]) -> Page:
    """What is left of some events once they were found right elsewhere."""
    last = entries[-1]
    versions = [row.version for row in entries]
    return Page(last.position, last.hash, last.micros, [row.stream for row in entries], versions)


def test_a_page_that_was_found_right_is_skipped_to_its_end() -> None:
    """And the walk goes on from there as if it had hashed it."""
    rows = chained(*(entry(position) for position in range(1, 8)))
    walk = Walk()

    assert walk.skip(page(rows[:5]))
    assert walk.step(rows[5:], until=7) is None
    assert walk.hash == rows[-1].hash


def test_a_page_whose_versions_do_not_follow_is_not_skipped() -> None:
    """It can still be walked, and what is wrong be named."""
    rows = chained(entry(1), entry(2), entry(3, "org-2", 1), entry(4, version=4))
    walk = Walk()
    assert walk.skip(page(rows[:1]))

    assert not walk.skip(page(rows[1:]))
    assert walk.position == 1
    found = walk.step(rows[1:], until=4)
    assert found is not None
    assert (found.kind, found.position) == ("version_gap", 4)


def test_what_is_skipped_may_have_to_be_looked_up_too() -> None:
    walk = Walk()

    assert walk.skip(page(chained(entry(1, "org-1", 1), entry(2, "org-9", 5))))
    assert walk.unsure == [(2, "org-9", 5)]


@pytest.mark.parametrize("seed", range(20))
def test_a_page_that_is_not_skipped_leaves_the_walk_as_it_was(seed: int) -> None:
    """Whatever it began to take in, the next page is judged as if that had never been seen."""
    random = Random(seed)
    versions: Counter[str] = Counter()
    rows = []
    for position in range(1, 60):
        stream = f"org-{random.randrange(5)}"
        versions[stream] += 1
        rows.append(entry(position, stream, versions[stream]))
    wrong = random.randrange(40, 59)
    rows[wrong] = rows[wrong]._replace(version=rows[wrong].version + 1)
    tried, never = Walk(), Walk()
    for walk in (tried, never):
        assert walk.skip(page(rows[:30]))

    assert not tried.skip(page(rows[30:]))

    for walk in (tried, never):
        assert walk.skip(page(rows[30:40]))
    assert tried.unsure == never.unsure
