"""Blocks: the only way to take away what a source still gives, in each scope, lifted as it came."""

import pytest

from domain.catalog import Key
from domain.commands import BlockAccess, GrantAccess, UnblockAccess
from domain.commands.blocks import InvalidScope
from domain.facts import AccessBlocked, AccessUnblocked, ModuleGranted, TrialStarted
from domain.lanes import CATEGORIES, Category, Scope
from domain.refusals import (
    Backdated,
    BlockConflict,
    EmptyInterval,
    NaiveTimestamp,
    NotInFuture,
    UnknownBlock,
)
from tests.domain.scenario import Scenario, fact
from tests.domain.world import CRM, HR, LEADS, PAYROLL, day, hour, morning, noon, us

soon = noon + 3 * day
later = noon + 5 * day


@pytest.fixture
def org(org: Scenario) -> Scenario:
    """Two modules are granted by a plan."""
    plan = {"source": "plan:gold@3"}
    return org.given(fact(ModuleGranted, key=CRM, **plan), fact(ModuleGranted, key=HR, **plan))


ENABLED = {"crm": "enabled", "crm.leads": "enabled", "hr": "enabled", "hr.payroll": "enabled"}


@pytest.mark.parametrize(
    ("scope", "key", "disabled"),
    [
        ("org", None, ["crm", "crm.leads", "hr", "hr.payroll"]),
        ("module", CRM, ["crm", "crm.leads"]),
        ("submodule", LEADS, ["crm.leads"]),
    ],
)
def test_a_block_takes_away_all_of_its_scope_and_nothing_else(
    org: Scenario, scope: Scope, key: Key | None, disabled: list[str]
) -> None:
    org.when(BlockAccess(scope=scope, key=key, category="abuse"))
    org.then(fact(AccessBlocked, scope=scope, key=key, category="abuse", starts=noon, ends=None))
    org.then_at(noon - us, ENABLED)
    org.then_at(noon, ENABLED | dict.fromkeys(disabled, "disabled"))


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_block_of_any_category_wins(org: Scenario, category: Category) -> None:
    org.given(fact(TrialStarted, key=CRM, ends_at=later))
    org.when(BlockAccess(scope="module", key=CRM, category=category))
    org.then_at(noon, crm="disabled")
    org.then_denied(CRM, "blocked")


def test_a_bounded_block_ends_by_itself(org: Scenario) -> None:
    org.when(BlockAccess(scope="module", key=CRM, category="abuse", starts=soon, until=later))
    org.then_at(soon - us, crm="enabled")
    org.then_at(soon, crm="disabled")
    org.then_at(later - us, crm="disabled")
    org.then_at(later, crm="enabled")


def test_a_grant_made_under_a_block_wakes_when_it_is_lifted(org: Scenario) -> None:
    org.given(fact(AccessBlocked, key=CRM, block_id="b1"))
    org.when(GrantAccess(key=CRM)).then(fact(ModuleGranted))
    org.then_at(noon, crm="disabled")
    org.when(UnblockAccess(block_id="b1"), at=noon + hour)
    org.then_at(noon + hour, crm="enabled")


def test_an_admin_blocks_what_the_plan_grants_and_unblocking_restores_it(org: Scenario) -> None:
    """Case 5."""
    before = org.org.grants
    org.when(BlockAccess(scope="module", key=CRM, category="admin_off"))
    org.then_at(noon, crm="disabled").then_granted_by("plan:gold@3")
    org.when(UnblockAccess(scope="module", key=CRM, category="admin_off"), at=soon)
    org.then(fact(AccessUnblocked, scope="module", key=CRM, category="admin_off"))
    org.then_at(soon, crm="enabled")
    assert org.org.grants == before


@pytest.mark.parametrize(
    ("scope", "key"),
    [("org", CRM), ("module", None), ("module", LEADS), ("submodule", None), ("submodule", CRM)],
)
def test_scope_and_key_belong_together(org: Scenario, scope: Scope, key: Key | None) -> None:
    org.when(BlockAccess(scope=scope, key=key, category="abuse"))
    org.then_refused(InvalidScope, "invalid_scope", scope=scope, key=key)
    org.when(UnblockAccess(scope=scope, key=key, category="abuse"))
    org.then_refused(InvalidScope, "invalid_scope", scope=scope, key=key)


def test_the_same_block_again_changes_nothing(org: Scenario) -> None:
    org.given(fact(AccessBlocked, key=CRM, category="abuse", ends=later))
    org.when(BlockAccess(scope="module", key=CRM, category="abuse", until=later)).then_nothing()


@pytest.mark.parametrize(
    "other",
    [
        BlockAccess(scope="module", key=CRM, category="abuse"),
        BlockAccess(scope="module", key=CRM, category="abuse", until=later + us),
        BlockAccess(scope="module", key=CRM, category="abuse", starts=noon, until=later),
    ],
    ids=["open", "longer", "earlier"],
)
def test_a_block_with_other_terms_conflicts(org: Scenario, other: BlockAccess) -> None:
    org.given(
        fact(AccessBlocked, key=CRM, category="abuse", block_id="b1", starts=soon, ends=later)
    )
    org.when(other)
    org.then_refused(
        BlockConflict,
        "block_conflict",
        block_id="b1",
        category="abuse",
        starts="2026-03-05T12:00:00.000000Z",
        until="2026-03-07T12:00:00.000000Z",
    )


def test_a_block_that_has_ended_is_in_nobodys_way(org: Scenario) -> None:
    org.given(fact(AccessBlocked, key=CRM, category="abuse", ends=noon))
    org.when(BlockAccess(scope="module", key=CRM, category="abuse")).then(fact(AccessBlocked))


def test_blocks_of_two_categories_stand_side_by_side(org: Scenario) -> None:
    org.given(fact(AccessBlocked, key=CRM, category="abuse"))
    org.when(BlockAccess(scope="module", key=CRM, category="compliance")).then(fact(AccessBlocked))
    org.when(UnblockAccess(scope="module", key=CRM, category="abuse"), at=soon)
    org.then_at(soon, crm="disabled")


def test_lifting_a_block_that_does_not_stand_changes_nothing(org: Scenario) -> None:
    org.when(UnblockAccess(scope="module", key=CRM, category="abuse")).then_nothing()


def test_a_block_is_lifted_by_its_id(org: Scenario) -> None:
    org.given(fact(AccessBlocked, key=LEADS, block_id="b1"))
    org.when(UnblockAccess(block_id="b1"))
    org.then(
        fact(AccessUnblocked, block_id="b1", scope="submodule", key=LEADS, category="admin_off")
    )
    org.then_at(noon, {"crm.leads": "enabled"})


def test_a_block_lifted_by_its_id_tells_of_its_key(org: Scenario) -> None:
    """Also where the key stays disabled for another reason."""
    org.given(
        fact(AccessBlocked, key=CRM, block_id="b1"), fact(AccessBlocked, category="suspension")
    )
    org.when(UnblockAccess(block_id="b1"))
    assert org.outcome.after == {"crm": "disabled"}
    org.then_granted_by("plan:gold@3")


def test_an_unknown_block_cannot_be_lifted(org: Scenario) -> None:
    org.when(UnblockAccess(block_id="b9"))
    org.then_refused(UnknownBlock, "unknown_block", block_id="b9")


def test_a_block_that_has_ended_cannot_be_lifted_again(org: Scenario) -> None:
    org.given(fact(AccessBlocked, key=CRM, block_id="b1", ends=noon))
    org.when(UnblockAccess(block_id="b1")).then_nothing()


def test_a_block_to_come_is_cancelled_by_lifting_it(org: Scenario) -> None:
    org.given(fact(AccessBlocked, key=CRM, block_id="b1", starts=soon))
    org.when(UnblockAccess(block_id="b1")).then(fact(AccessUnblocked))
    org.then_at(soon, crm="enabled")


def test_a_block_cannot_reach_back(org: Scenario) -> None:
    org.when(BlockAccess(scope="org", category="abuse", starts=noon - us))
    org.then_refused(Backdated, "backdated", field="from")


def test_the_block_of_an_import_may_reach_back(org: Scenario) -> None:
    org.when(BlockAccess(scope="org", category="abuse", starts=morning), may_backdate=True)
    org.then(fact(AccessBlocked, starts=morning, effective_at=morning))


def test_a_block_ends_in_the_future(org: Scenario) -> None:
    org.when(BlockAccess(scope="org", category="abuse", until=noon))
    org.then_refused(NotInFuture, "not_in_future")


def test_a_block_lasts_for_at_least_an_instant(org: Scenario) -> None:
    org.when(BlockAccess(scope="org", category="abuse", starts=later, until=later))
    org.then_refused(EmptyInterval, "empty_interval")


def test_a_block_without_a_time_zone_is_refused(org: Scenario) -> None:
    org.when(BlockAccess(scope="org", category="abuse", until=later.replace(tzinfo=None)))
    org.then_refused(NaiveTimestamp, "naive_timestamp", field="until")


def test_a_block_touches_every_key_of_its_scope(org: Scenario) -> None:
    org.when(BlockAccess(scope="module", key=HR, category="abuse"))
    assert org.outcome.changed_keys == (HR, PAYROLL)
