"""Bundles: all of their billable modules at once, and only what they gave taken back."""

from domain.commands import ApplyBundle, RemoveBundle
from domain.facts import GrantEnded, ModuleGranted
from domain.refusals import UnknownBundle
from tests.domain.scenario import Scenario, fact
from tests.domain.world import CRM, HR, MANUFACTURING, day, noon

SOURCE = "bundle:growth"
soon = noon + 3 * day


def test_a_bundle_grants_all_of_its_billable_modules(org: Scenario) -> None:
    """Neither what is always on nor what is retired."""
    org.when(ApplyBundle(bundle="growth"))
    org.then(
        fact(ModuleGranted, key=CRM, source=SOURCE, ends=None),
        fact(ModuleGranted, key=HR, source=SOURCE, ends=None),
    )
    org.then_at(noon, crm="enabled", hr="enabled", manufacturing="disabled", fax="disabled")
    org.then_granted_by(SOURCE)


def test_a_bundle_is_named_in_any_case(org: Scenario) -> None:
    org.when(ApplyBundle(bundle="Growth"))
    org.then(fact(ModuleGranted, source=SOURCE), fact(ModuleGranted, source=SOURCE))
    org.when(RemoveBundle(bundle="GROWTH"))
    org.then(fact(GrantEnded), fact(GrantEnded))


def test_a_bundle_applied_again_changes_nothing(org: Scenario) -> None:
    org.when(ApplyBundle(bundle="growth"))
    org.when(ApplyBundle(bundle="growth"), at=soon).then_nothing()


def test_a_bundle_applied_again_fills_what_is_missing(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=HR, source=SOURCE))
    org.when(ApplyBundle(bundle="growth")).then(fact(ModuleGranted, key=CRM))


def test_a_bundle_gives_from_now_on_also_where_its_grant_is_to_come(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, source=SOURCE, starts=soon))
    org.when(ApplyBundle(bundle="growth"))
    org.then_at(noon, crm="enabled", hr="enabled")


def test_a_bundle_stands_beside_other_sources(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM))
    org.when(ApplyBundle(bundle="growth")).then_granted_by("admin", SOURCE)


def test_a_removed_bundle_takes_back_what_it_gave(org: Scenario) -> None:
    org.when(ApplyBundle(bundle="growth"))
    org.when(RemoveBundle(bundle="growth"), at=soon)
    org.then(
        fact(GrantEnded, key=CRM, source=SOURCE, ended_by="revoked", effective_at=soon),
        fact(GrantEnded, key=HR, source=SOURCE, ended_by="revoked", effective_at=soon),
    )
    org.then_at(soon, crm="disabled", hr="disabled").then_warned()


def test_a_removed_bundle_leaves_what_others_give(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM), fact(ModuleGranted, key=MANUFACTURING))
    org.when(ApplyBundle(bundle="growth"))
    org.when(RemoveBundle(bundle="growth"), at=soon)
    org.then_at(soon, crm="enabled", hr="disabled", manufacturing="enabled")
    org.then_warned("Still granted: 'crm' by admin.")
    org.then_granted_by("admin")


def test_a_removed_bundle_does_not_warn_of_itself(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM, source=SOURCE),
        fact(ModuleGranted, key=CRM, source=SOURCE, source_ref="contract-7"),
    )
    org.when(RemoveBundle(bundle="growth")).then_warned()


def test_a_removed_bundle_takes_back_what_has_left_it_since(org: Scenario) -> None:
    """The catalog's bundle no longer names the module that was granted under it."""
    org.given(fact(ModuleGranted, key=MANUFACTURING, source=SOURCE))
    org.when(RemoveBundle(bundle="growth")).then(fact(GrantEnded, key=MANUFACTURING))


def test_removing_what_was_never_applied_changes_nothing(org: Scenario) -> None:
    org.when(RemoveBundle(bundle="growth")).then_nothing().then_warned()


def test_an_unknown_bundle_is_refused(org: Scenario) -> None:
    org.when(ApplyBundle(bundle="gold"))
    org.then_refused(UnknownBundle, "unknown_bundle", bundle="gold", known=["growth"])
    org.when(RemoveBundle(bundle="gold")).then_refused(UnknownBundle, "unknown_bundle")
