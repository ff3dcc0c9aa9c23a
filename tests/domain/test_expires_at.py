"""What a caller is shown as the end: the next instant at which a key goes down by itself."""

from domain.facts import AccessBlocked, ModuleGranted, TrialStarted
from tests.domain.scenario import Scenario, fact
from tests.domain.world import CRM, EMAIL, FORECASTS, LEADS, day, hour, noon, us

soon = noon + 3 * day
later = noon + 5 * day


def test_a_trial_expires_at_its_end(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=soon))
    org.then_expires(CRM, soon).then_expires(LEADS, soon)


def test_at_its_end_it_has_expired(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=soon))
    org.then_expires(CRM, soon, at=soon - us).then_expires(CRM, None, at=soon)


def test_an_open_grant_never_expires(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM)).then_expires(CRM, None)


def test_what_is_granted_twice_expires_with_the_last(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM, ends=soon),
        fact(ModuleGranted, key=CRM, source="plan:gold@3", ends=later),
    )
    org.then_expires(CRM, later)


def test_what_is_continued_at_the_same_instant_does_not_expire_there(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM, source="plan:gold@3", ends=soon),
        fact(ModuleGranted, key=CRM, starts=soon, ends=later),
    )
    org.then_expires(CRM, later)


def test_falling_back_to_a_trial_is_going_down(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, ends=soon), fact(TrialStarted, key=CRM, ends_at=later))
    org.then_expires(CRM, soon)
    org.then_expires(CRM, later, at=soon)


def test_a_trial_that_becomes_full_goes_down_only_later(org: Scenario) -> None:
    """Up, then down: the end of the trial under the grant is no change."""
    org.given(
        fact(TrialStarted, key=CRM, ends_at=soon),
        fact(ModuleGranted, key=CRM, starts=noon + hour, ends=later),
    )
    org.then_expires(CRM, later)


def test_what_goes_up_from_a_trial_and_back_to_it_expires_there(org: Scenario) -> None:
    org.given(
        fact(TrialStarted, key=CRM, ends_at=later),
        fact(ModuleGranted, key=CRM, starts=noon + hour, ends=soon),
    )
    org.then_expires(CRM, soon)


def test_what_is_still_to_come_expires_when_that_ends(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, starts=soon, ends_at=later)).then_expires(CRM, later)


def test_a_block_to_come_is_going_down(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM), fact(AccessBlocked, key=LEADS, starts=soon))
    org.then_expires(LEADS, soon).then_expires(CRM, None)


def test_what_ends_under_a_block_has_gone_down_before(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, ends=soon), fact(AccessBlocked, key=CRM, ends=later))
    org.then_expires(CRM, None)


def test_a_child_expires_with_its_parent(org: Scenario) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=soon), fact(ModuleGranted, key=FORECASTS))
    org.then_expires(FORECASTS, soon)


def test_what_is_always_on_never_expires(org: Scenario) -> None:
    org.given(fact(AccessBlocked, starts=soon)).then_expires(EMAIL, None)
