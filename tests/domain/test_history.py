"""An org with nothing forgotten: the past as it was, and the reasons that the present gives."""

from datetime import datetime

from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from domain.catalog import Key
from domain.effective import denied_by, effective_map
from domain.facts import AccessBlocked, AccessUnblocked, LedgerEvent, ModuleGranted
from domain.history import History, Recorded
from tests.domain.histories import Histories
from tests.domain.oracle import KEYS, both
from tests.domain.scenario import Scenario, fact
from tests.domain.world import CATALOG, CRM, hour, morning, noon, us

LONG_AGO = datetime(2000, 1, 1, tzinfo=noon.tzinfo)


def history(org: Scenario) -> History:
    """Each fact was recorded when it was judged, and the org was alone in the ledger."""
    return History(org.org.org_id, [recorded(fact) for fact in org.facts])


def recorded(happened: object) -> Recorded:
    assert isinstance(happened, LedgerEvent)
    return Recorded(
        position=happened.originator_version, recorded_at=happened.timestamp, fact=happened
    )


def test_a_lifted_block_was_there(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM),
        fact(AccessBlocked, key=CRM, block_id="b1", starts=noon),
        fact(
            AccessUnblocked, key=CRM, block_id="b1", timestamp=noon + hour, effective_at=noon + hour
        ),
    )
    lanes = history(org).lanes
    assert lanes.block_on(CRM, noon + hour - us) is not None
    assert lanes.block_on(CRM, noon + hour) is None


def test_what_was_not_yet_recorded_was_not_known(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, timestamp=noon))
    assert history(org).known_at(noon - us).version == 1
    assert history(org).known_at(noon).version == 2


def test_a_key_of_which_nothing_is_recorded_was_always_disabled(org: Scenario) -> None:
    (span,) = history(org).timeline(CRM, CATALOG)
    assert (span.state.label, span.denied_by) == ("disabled", "not_granted")
    assert (span.starts, span.ends) == (morning, None)


class Remembered(Histories):
    """At every instant, past ones too, the history says what the oracle does."""

    @property
    def history(self) -> History:
        return History(self.org.org_id, [recorded(each) for each in self.facts])

    @invariant()
    def the_past_was_as_it_was(self) -> None:
        lanes = self.history.lanes
        for at in both({self.now, *self.oracle.boundaries(since=LONG_AGO)}, apart=us):
            states = effective_map(lanes, CATALOG, at)
            assert {key: state.label for key, state in states.items()} == self.oracle.states(at)

    @invariant()
    def the_present_gives_the_same_reasons(self) -> None:
        before, lanes = self.history.lanes, self.org.lanes
        for key in map(Key, KEYS):
            reason = denied_by(lanes, CATALOG, key, self.now)
            assert reason == denied_by(before, CATALOG, key, self.now), key

    @invariant()
    def the_timeline_has_neither_gaps_nor_overlaps(self) -> None:
        for key in map(Key, ("crm", "crm.forecasts", "hr.payroll")):
            spans = self.history.timeline(key, CATALOG)
            assert [span.ends for span in spans[:-1]] == [span.starts for span in spans[1:]]
            assert spans[-1].ends is None
            for span in spans:
                assert span.state.label == self.oracle.effective(key, span.starts)


def test_nothing_is_forgotten() -> None:
    some = settings(
        max_examples=40,
        stateful_step_count=30,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Remembered, settings=some)
