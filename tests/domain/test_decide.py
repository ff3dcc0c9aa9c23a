"""Judging commands: all or nothing, each on what the ones before it left, and what is answered."""

import pytest

from domain.commands import (
    BlockAccess,
    Command,
    GrantAccess,
    RegisterOrg,
    RevokeAccess,
    SetStatus,
    SetSubmodule,
    StartTrial,
)
from domain.facts import AccessBlocked, GrantEnded, ModuleGranted, OrgRegistered
from domain.ids import OrgId
from domain.refusals import (
    InvalidText,
    NotInFuture,
    OrgAlreadyRegistered,
    Refusal,
    UnknownOrg,
)
from tests.domain.scenario import Scenario, fact
from tests.domain.world import CRM, FORECASTS, HR, LEADS, PAYROLL, SUPER_ADMIN, day, noon

later = noon + 5 * day


@pytest.mark.parametrize("invalid_at", [0, 1, 2])
def test_where_one_command_is_invalid_nothing_is_written(org: Scenario, invalid_at: int) -> None:
    """Case 31."""
    commands: list[Command] = [
        SetStatus(key=CRM, status="enabled"),
        SetSubmodule(key=LEADS, enabled=False),
    ]
    commands.insert(invalid_at, SetStatus(key=HR, status="trial", trial_ends=noon))
    org.when(*commands).then_refused(NotInFuture, "not_in_future")
    assert org.org.version == 1
    org.then_at(noon, crm="disabled")


def test_several_commands_are_judged_at_one_instant(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM), GrantAccess(key=HR), BlockAccess(scope="org", category="abuse"))
    org.then(
        fact(ModuleGranted, key=CRM, timestamp=noon),
        fact(ModuleGranted, key=HR, timestamp=noon),
        fact(AccessBlocked, timestamp=noon),
    )


def test_a_command_is_judged_on_what_the_ones_before_it_left(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM), RevokeAccess(key=CRM))
    org.then(fact(ModuleGranted), fact(GrantEnded))
    org.then_at(noon, crm="disabled")


def test_no_commands_change_nothing(org: Scenario) -> None:
    org.when().then_nothing()


@pytest.mark.parametrize(
    "command",
    [GrantAccess(key=CRM), RevokeAccess(key=CRM), StartTrial(key=CRM, until=later)],
    ids=["grant", "revoke", "trial"],
)
def test_an_org_must_be_registered_first(command: Command) -> None:
    unregistered = Scenario(registered=False)
    unregistered.when(command).then_refused(UnknownOrg, "unknown_org", org="1042")


def test_an_org_may_be_registered_and_granted_at_once() -> None:
    new = Scenario(registered=False)
    new.when(RegisterOrg(name="Acme"), GrantAccess(key=CRM))
    new.then(fact(OrgRegistered, name="Acme"), fact(ModuleGranted, key=CRM))
    assert (new.org.org_id, new.org.name, new.org.version) == (OrgId("1042"), "Acme", 2)


def test_an_org_registered_again_under_its_name_is_unchanged(org: Scenario) -> None:
    org.when(RegisterOrg(name=" Acme ")).then_nothing()


@pytest.mark.parametrize("name", ["", " \n", "x" * 201, "Ac\x00me", "Ac\ud800me"])
def test_an_org_needs_a_name_that_can_be_kept(name: str) -> None:
    unregistered = Scenario(registered=False)
    unregistered.when(RegisterOrg(name=name)).then_refused(InvalidText, "invalid_text")


def test_an_org_keeps_the_name_it_was_registered_under(org: Scenario) -> None:
    org.when(RegisterOrg(name="Ajax"))
    org.then_refused(OrgAlreadyRegistered, "org_already_registered", org="1042", name="Acme")


def test_versions_rise_by_one_with_every_fact(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM), GrantAccess(key=HR))
    assert [each.originator_version for each in org.facts] == [1, 2, 3]
    assert {each.originator_id for each in org.facts} == {"org-1042"}


def test_every_fact_tells_who_and_why(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM), RevokeAccess(key=CRM))
    for happened in org.outcome.facts:
        assert (happened.actor, happened.actor_type) == ("u-super", "super_admin")
        assert happened.reason == SUPER_ADMIN.reason
    assert len({happened.event_id for happened in org.outcome.facts}) == 2


def test_the_answer_holds_the_keys_that_were_named_or_changed(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=HR), fact(ModuleGranted, key=FORECASTS))
    org.when(GrantAccess(key=CRM), GrantAccess(key=HR))
    assert org.outcome.before == {
        CRM: "disabled",
        LEADS: "disabled",
        FORECASTS: "disabled",
        HR: "enabled",
    }
    assert org.outcome.after == {
        CRM: "enabled",
        LEADS: "enabled",
        FORECASTS: "enabled",
        HR: "enabled",
    }
    assert org.outcome.changed_keys == (CRM, LEADS, FORECASTS)


def test_what_is_only_scheduled_changes_no_key_yet(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM, starts=later))
    assert org.outcome.changed
    assert org.outcome.after == {CRM: "disabled"}
    assert org.outcome.changed_keys == ()


def test_a_block_of_the_org_touches_every_key_that_it_disables(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=HR))
    org.when(BlockAccess(scope="org", category="abuse"))
    assert org.outcome.changed_keys == (HR, PAYROLL)


def test_remaining_sources_are_those_that_grant_now(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM),
        fact(ModuleGranted, key=CRM, source="plan:gold@3", starts=later),
        fact(ModuleGranted, key=CRM, source="promo:spring", ends=noon),
        fact(ModuleGranted, key=HR, source="system"),
    )
    org.when(GrantAccess(key=CRM)).then_granted_by("admin")


def test_every_refusal_has_a_code_of_its_own() -> None:
    def below(kind: type[Refusal]) -> list[type[Refusal]]:
        return [kind, *(each for sub in kind.__subclasses__() for each in below(sub))]

    codes = [kind.code for kind in below(Refusal) if "code" in vars(kind)]
    assert len(codes) == len(set(codes))
