"""What the catalog has retired: nothing more of it is granted, and it can be taken away."""

import pytest

from domain.commands import (
    Command,
    ConvertTrial,
    ExtendTrial,
    GrantAccess,
    RevokeAccess,
    SetStatus,
    SetSubmodule,
    StartTrial,
)
from domain.facts import GrantEnded, ModuleGranted, TrialStarted
from domain.refusals import ModuleRetired
from tests.domain.scenario import Scenario, fact
from tests.domain.world import ARCHIVE, CRM, FAX, day, noon

later = noon + 5 * day


def test_a_retired_key_is_disabled_whatever_is_granted(org: Scenario) -> None:
    """Case 29, as far as effective state goes."""
    org.given(fact(ModuleGranted, key=FAX), fact(ModuleGranted, key=CRM))
    org.given(fact(ModuleGranted, key=ARCHIVE))
    org.then_at(noon, {"fax": "disabled", "crm": "enabled", "crm.archive": "disabled"})


@pytest.mark.parametrize(
    "command",
    [
        GrantAccess(key=FAX),
        GrantAccess(key=ARCHIVE),
        StartTrial(key=FAX, until=later),
        SetStatus(key=FAX, status="enabled"),
        SetStatus(key=FAX, status="trial", trial_ends=later),
        SetSubmodule(key=ARCHIVE, enabled=True),
    ],
)
def test_nothing_more_is_granted_of_what_is_retired(org: Scenario, command: Command) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    org.when(command).then_refused(ModuleRetired, "module_retired")


@pytest.mark.parametrize(
    "command", [ConvertTrial(key=FAX), ExtendTrial(key=FAX, by_days=1)], ids=["convert", "extend"]
)
def test_the_trial_of_what_was_retired_since_only_runs_out(org: Scenario, command: Command) -> None:
    org.given(fact(TrialStarted, key=FAX, ends_at=later))
    org.when(command).then_refused(ModuleRetired, "module_retired", key=FAX)


def test_what_is_retired_can_be_revoked(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=FAX))
    org.when(RevokeAccess(key=FAX)).then(fact(GrantEnded, key=FAX))


def test_what_is_retired_can_be_set_to_disabled(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=FAX), fact(TrialStarted, key=FAX, ends_at=later))
    org.when(SetStatus(key=FAX, status="disabled"))
    org.then(fact(GrantEnded, source="admin"), fact(GrantEnded, source="trial"))
