"""What the words on the state topic come to, on a clock that is set by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from consumers.invalidation.invalidation import (
    HEARTBEAT_WITHIN,
    Assigned,
    Heartbeat,
    Listener,
    Moved,
)
from domain.ids import CATALOG_STREAM, OrgId
from tests.consumers.carrying import Heard
from tests.projections.fakes import HandClock

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class World:
    """A listener with its clocks, and what it has told."""

    def __init__(self) -> None:
        self.heard = Heard()
        self.clock = HandClock()
        self.began = self.clock.seconds
        self.listener = Listener(self.heard, now=self.now, monotonic=self.clock)
        self.listener.hear([Assigned(frozenset({0, 1}), gap=False)])

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.clock.seconds - self.began)

    def beat(self, *partitions: int, epoch: int = 1, late: float = 0.0) -> None:
        at = self.now() - timedelta(seconds=late)
        self.listener.hear([Heartbeat(partition, epoch, at) for partition in partitions])


@pytest.fixture
def world() -> World:
    return World()


def moved(version: int, *, org: str = "7", catalog_version: int = 0, epoch: int = 1) -> Moved:
    return Moved(OrgId(org), version, 100 + version, catalog_version, epoch)


def test_an_older_version_that_comes_later_is_dropped(world: World) -> None:
    """Kafka delivers version 7 after 9: nothing is told, and a repeat of 9 neither (case 20)."""
    world.listener.hear([moved(9), moved(7), moved(9), moved(7, org="8")])
    assert world.heard.moves == [("org-7", 9), ("org-8", 7)]
    assert world.listener.dropped == 2


def test_a_new_epoch_begins_everything_anew(world: World) -> None:
    """Versions of the epoch before count for nothing; what still comes of it is ignored."""
    world.beat(0, 1)
    world.listener.hear([moved(9), moved(3, epoch=2), moved(12, epoch=1)])
    assert world.heard.moves == [("org-7", 9), ("org-7", 3)]
    assert world.heard.beginnings == 1
    assert not world.listener.current()

    world.beat(0, 1, epoch=1)
    assert not world.listener.current()
    world.beat(0, 1, epoch=2)
    assert world.listener.current()


def test_a_gap_begins_everything_anew(world: World) -> None:
    world.listener.hear([moved(9), Assigned(frozenset({0, 1}), gap=True), moved(9)])
    assert world.heard.beginnings == 1
    assert world.heard.moves == [("org-7", 9), ("org-7", 9)]


def test_it_is_current_while_every_partition_has_a_fresh_heartbeat(world: World) -> None:
    """The published bound: five seconds without one on any of them."""
    assert not world.listener.current()
    world.beat(0)
    assert not world.listener.current()
    world.beat(1)
    assert world.listener.current()

    world.clock.seconds += HEARTBEAT_WITHIN - 0.1
    assert world.listener.current()
    world.beat(0)
    world.clock.seconds += 0.1
    assert not world.listener.current()
    world.beat(1)
    assert world.listener.current()


def test_a_partition_that_was_added_has_to_beat_too(world: World) -> None:
    world.beat(0, 1)
    world.listener.hear([Assigned(frozenset({0, 1, 2}), gap=False)])
    assert not world.listener.current()
    world.beat(2)
    assert world.listener.current()
    assert world.heard.beginnings == 0


def test_a_heartbeat_that_was_long_on_its_way_is_as_old_as_it_is(world: World) -> None:
    """A consumer that lags hears heartbeats, but of a time that is over."""
    world.beat(0, 1, late=HEARTBEAT_WITHIN - 1)
    assert world.listener.current()
    world.clock.seconds += 1
    assert not world.listener.current()


def test_another_catalog_is_told_once(world: World) -> None:
    """Every state record names the catalog it was made by."""
    world.listener.hear([moved(1, catalog_version=3), moved(2, catalog_version=3)])
    assert world.heard.moves == [(CATALOG_STREAM, 3), ("org-7", 1), ("org-7", 2)]
