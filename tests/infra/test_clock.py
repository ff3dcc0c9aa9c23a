"""The ledger's clock: it goes by the database's time, and it never falls."""

from datetime import datetime, timedelta

import pytest

from domain.effective import Effective, effective
from domain.facts import TrialStarted
from infra.clock import LedgerClock
from tests.domain.scenario import Scenario, fact
from tests.domain.world import CATALOG, CRM, hour, noon, us

second = timedelta(seconds=1)


class Hands:
    """The clocks of a machine, set by hand: one may step, the other only goes on."""

    def __init__(self) -> None:
        self.wall = noon
        self.seconds = 50.0

    def pass_by(self, time: timedelta) -> None:
        self.wall += time
        self.seconds += time.total_seconds()


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def clock(hands: Hands) -> LedgerClock:
    return LedgerClock(wall=lambda: hands.wall, monotonic=lambda: hands.seconds)


def test_the_machine_tells_the_time_until_the_database_has(
    clock: LedgerClock, hands: Hands
) -> None:
    hands.pass_by(7 * second)
    assert clock.now() == noon + 7 * second


def test_the_databases_time_is_carried_on(clock: LedgerClock, hands: Hands) -> None:
    clock.tell(noon + hour)
    hands.pass_by(3 * second)
    assert clock.now() == noon + hour + 3 * second


@pytest.mark.parametrize("step", [-hour, -5 * second, 5 * second, hour])
def test_a_step_of_the_machines_clock_is_not_noticed(
    clock: LedgerClock, hands: Hands, step: timedelta
) -> None:
    clock.tell(noon)
    hands.wall += step
    assert clock.now() == noon


def test_the_time_never_falls_when_the_databases_clock_steps_back(
    clock: LedgerClock, hands: Hands
) -> None:
    """Case 27."""
    clock.tell(noon)
    assert clock.now() == noon
    clock.tell(noon - 5 * second)
    told = []
    for _ in range(7):
        told.append(clock.now())
        hands.pass_by(second)
    assert told == [noon] * 6 + [noon + second]


def test_a_boundary_that_has_passed_stays_passed(clock: LedgerClock) -> None:
    """Case 27."""
    lanes = Scenario().given(fact(TrialStarted, key=CRM, ends_at=noon)).lanes

    def state(at: datetime) -> Effective:
        return effective(lanes, CATALOG, CRM, at)

    clock.tell(noon - us)
    assert state(clock.now()) is Effective.TRIAL
    clock.tell(noon)
    assert state(clock.now()) is Effective.DISABLED
    clock.tell(noon - 5 * second)
    assert state(clock.now()) is Effective.DISABLED


def test_a_clock_that_was_set_forward_stays_ahead_of_the_database(clock: LedgerClock) -> None:
    clock.tell(noon)
    clock.advance(hour)
    assert clock.now() == noon + hour
    clock.tell(noon + second)
    assert clock.now() == noon + hour + second


def test_the_time_follows_a_database_that_is_ahead(clock: LedgerClock) -> None:
    clock.tell(noon)
    clock.now()
    clock.tell(noon + hour)
    assert clock.now() == noon + hour
