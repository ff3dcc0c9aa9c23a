"""Superseding: a grant with other terms takes a slot over, with neither gap nor overlap."""

from domain.commands import GrantAccess
from domain.facts import GrantEnded, ModuleGranted
from tests.domain.scenario import Scenario, fact
from tests.domain.world import CRM, day, noon, us

soon = noon + 3 * day
later = noon + 5 * day


def test_superseding_ends_the_old_and_opens_the_new_at_one_instant(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, grant_id="old"))
    org.when(GrantAccess(key=CRM, until=later, on_conflict="supersede"))
    org.then(
        fact(GrantEnded, grant_id="old", ended_by="superseded", effective_at=noon),
        fact(ModuleGranted, starts=noon, ends=later),
    )
    org.then_at(later - us, crm="enabled")
    org.then_at(later, crm="disabled")


def test_superseding_from_a_later_instant_leaves_no_gap(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, grant_id="old"))
    org.when(GrantAccess(key=CRM, starts=later, until=later + day, on_conflict="supersede"))
    org.then(
        fact(GrantEnded, grant_id="old", ended_by="superseded", effective_at=later),
        fact(ModuleGranted, starts=later, ends=later + day),
    )
    for instant in (noon, later - us, later, later + day - us):
        org.then_at(instant, crm="enabled")
    org.then_at(later + day, crm="disabled")


def test_superseding_never_prolongs_the_old_grant(org: Scenario) -> None:
    """A grant that ends before its successor starts keeps its own end."""
    org.given(fact(ModuleGranted, key=CRM, ends=soon))
    org.when(GrantAccess(key=CRM, starts=later, on_conflict="supersede"))
    org.then(fact(ModuleGranted, starts=later, ends=None))
    org.then_at(soon, crm="disabled")
    org.then_at(later - us, crm="disabled")
    org.then_at(later, crm="enabled")


def test_superseding_a_scheduled_grant_cancels_it(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, grant_id="old", starts=later))
    org.when(GrantAccess(key=CRM, until=soon, on_conflict="supersede"))
    org.then(fact(GrantEnded, grant_id="old"), fact(ModuleGranted, starts=noon, ends=soon))
    org.then_at(soon - us, crm="enabled")
    org.then_at(soon, crm="disabled")
    org.then_at(later, crm="disabled")


def test_superseding_replaces_the_whole_chain_in_the_slot(org: Scenario) -> None:
    """A running grant and the one scheduled to follow it both give way."""
    org.given(
        fact(ModuleGranted, key=CRM, grant_id="first", ends=later),
        fact(ModuleGranted, key=CRM, grant_id="second", starts=later),
    )
    org.when(GrantAccess(key=CRM, until=soon, on_conflict="supersede"))
    org.then(
        fact(GrantEnded, grant_id="first", effective_at=noon),
        fact(GrantEnded, grant_id="second", effective_at=noon),
        fact(ModuleGranted, starts=noon, ends=soon),
    )
    org.then_at(soon, crm="disabled")
    org.then_at(later, crm="disabled")


def test_superseding_where_nothing_stands_is_a_plain_grant(org: Scenario) -> None:
    org.when(GrantAccess(key=CRM, on_conflict="supersede")).then(fact(ModuleGranted))


def test_superseding_with_the_same_terms_changes_nothing(org: Scenario) -> None:
    org.given(fact(ModuleGranted, key=CRM, ends=later))
    org.when(GrantAccess(key=CRM, until=later, on_conflict="supersede")).then_nothing()


def test_superseding_leaves_other_sources_alone(org: Scenario) -> None:
    org.given(
        fact(ModuleGranted, key=CRM, grant_id="old"),
        fact(ModuleGranted, key=CRM, grant_id="plan", source="plan:gold@3"),
    )
    org.when(GrantAccess(key=CRM, until=soon, on_conflict="supersede"))
    org.then_at(soon, crm="enabled")
    assert org.org.grants["plan"].ends is None
