"""A new catalog follows the one before it without moving an id or taking anything away unasked."""

from collections.abc import Mapping

import pytest

from domain.actors import Provenance
from domain.catalog import Catalog, Key
from domain.catalog_document import CatalogChange, read_catalog
from domain.facts import CatalogPublished, ModuleGranted
from domain.ids import CATALOG_STREAM
from domain.publishing import publish
from domain.refusals import InvalidCatalog, ModuleStillGranted
from tests.domain.catalogs import Document, bundle, catalog, document, module, submodule
from tests.domain.scenario import Scenario, fact
from tests.domain.world import SUPER_ADMIN, noon

CRM, LEADS, HR = Key("crm"), Key("crm.leads"), Key("hr")

BEFORE = document(
    module("crm", submodule("leads", id=1), submodule("orders", id=2), id=1),
    module("hr", submodule("payroll", id=3), id=2),
    bundles=[bundle("suite", "crm", "hr")],
)
CRM_RETIRED = document(
    module("crm", submodule("leads", id=1), submodule("orders", id=2), id=1, is_active=False),
    module("hr", submodule("payroll", id=3), id=2),
    bundles=[bundle("suite", "crm", "hr")],
)
CRM_REMOVED = document(
    module("hr", submodule("payroll", id=3), id=2), bundles=[bundle("suite", "hr")]
)
LEADS_RETIRED = document(
    module("crm", submodule("leads", id=1, is_active=False), submodule("orders", id=2), id=1),
    module("hr", submodule("payroll", id=3), id=2),
    bundles=[bundle("suite", "crm", "hr")],
)
LEADS_REMOVED = document(
    module("crm", submodule("orders", id=2), id=1),
    module("hr", submodule("payroll", id=3), id=2),
    bundles=[bundle("suite", "crm", "hr")],
)


def published(
    following: Document,
    *,
    after: Document | None = BEFORE,
    granted: Mapping[Key, int] | None = None,
    force: bool = False,
    by: Provenance = SUPER_ADMIN,
) -> tuple[Catalog, list[CatalogChange], CatalogPublished | None]:
    """What publishing `following` at noon comes to, where `after` is version 1."""
    current = read_catalog(after, version=1) if after is not None else None
    return publish(current, following, granted=granted or {}, force=force, now=noon, by=by)


def the_fact(
    following: Document,
    *,
    after: Document | None = BEFORE,
    granted: Mapping[Key, int] | None = None,
    force: bool = False,
) -> CatalogPublished:
    """The fact that publishing `following` leaves; there must be one."""
    _, _, happened = published(following, after=after, granted=granted, force=force)
    assert happened is not None
    return happened


# The fact


def test_the_first_catalog_is_version_1() -> None:
    new, _, _ = published(BEFORE, after=None)
    assert new.version == 1
    assert the_fact(BEFORE, after=None).originator_version == 1


def test_each_catalog_is_one_version_after_the_one_before() -> None:
    current = read_catalog(BEFORE, version=41)
    new, _, _ = publish(current, CRM_RETIRED, granted={}, force=False, now=noon, by=SUPER_ADMIN)
    assert new.version == 42


def test_an_empty_first_catalog_is_published_too() -> None:
    assert the_fact(document(), after=None).originator_version == 1


def test_a_catalog_that_changes_nothing_leaves_no_fact() -> None:
    current = read_catalog(BEFORE, version=1)
    again = publish(current, BEFORE, granted={}, force=False, now=noon, by=SUPER_ADMIN)
    assert again == (current, [], None)


def test_a_document_with_raw_keys_published_twice_changes_nothing_the_second_time() -> None:
    raw = document(module("settings", submodule("voucher-settings"), kind="rbac_only"))
    _, _, happened = published(raw, after=raw)
    assert happened is None


def test_a_publication_says_who_when_and_why() -> None:
    happened = the_fact(CRM_RETIRED)
    assert happened.originator_id == CATALOG_STREAM
    assert happened.actor == SUPER_ADMIN.actor.id
    assert happened.actor_type == SUPER_ADMIN.actor.type
    assert happened.reason == SUPER_ADMIN.reason
    assert happened.timestamp == happened.effective_at == noon


def test_a_publication_says_what_it_changes() -> None:
    _, changes, happened = published(CRM_RETIRED)
    assert happened is not None
    assert happened.changes == ["retired crm (is_active)"]
    assert [str(change) for change in changes] == happened.changes


def test_the_published_document_reads_back_to_the_new_catalog() -> None:
    new, _, happened = published(CRM_RETIRED)
    assert happened is not None
    assert read_catalog(happened.document, version=happened.originator_version) == new


def test_a_document_that_is_no_catalog_is_refused() -> None:
    with pytest.raises(InvalidCatalog):
        published({"modules": "all of them"})


# Ids


@pytest.mark.parametrize(
    ("following", "problems"),
    [
        pytest.param(
            document(module("crm", id=9), module("hr", id=2)),
            ["'crm' has id 1 and cannot take 9"],
            id="a module takes another id",
        ),
        pytest.param(
            document(module("crm", submodule("leads", id=9), id=1), module("hr", id=2)),
            ["'crm.leads' has id 1 and cannot take 9"],
            id="a submodule takes another id",
        ),
        pytest.param(
            document(module("sales", id=1), module("hr", id=2)),
            ["id 1 belongs to 'crm' and cannot go to 'sales'"],
            id="a new module takes the id of one that goes",
        ),
        pytest.param(
            document(module("crm", submodule("deals", id=1), id=1), module("hr", id=2)),
            ["id 1 belongs to 'crm.leads' and cannot go to 'crm.deals'"],
            id="a new submodule takes the id of one that goes",
        ),
        pytest.param(
            document(module("crm", id=1), module("hr", submodule("leads", id=1), id=2)),
            ["id 1 belongs to 'crm.leads' and cannot go to 'hr.leads'"],
            id="a submodule moves to another module with its id",
        ),
        pytest.param(
            document(module("crm", id=2), module("hr", id=1)),
            ["'crm' has id 1 and cannot take 2", "'hr' has id 2 and cannot take 1"],
            id="two modules swap their ids",
        ),
    ],
)
def test_an_id_stays_with_its_key(following: Document, problems: list[str]) -> None:
    with pytest.raises(InvalidCatalog) as refused:
        published(following, force=True)
    assert refused.value.facts["problems"] == problems


def test_a_submodule_may_have_the_id_of_a_module() -> None:
    new, _, _ = published(document(module("crm", submodule("leads", id=1), id=1)), after=None)
    assert (new.module(CRM).id, new.module(CRM).submodules[0].id) == (1, 1)


def test_a_new_key_takes_a_new_id() -> None:
    following = {**BEFORE, "modules": [*BEFORE["modules"], module("gst", id=3)]}
    assert the_fact(following).changes == ["added gst"]


def test_an_id_stays_with_a_retired_key() -> None:
    with pytest.raises(InvalidCatalog):
        published(document(module("sales", id=1)), after=CRM_RETIRED, force=True)


# Retiring and removing what is granted (case 29)


@pytest.mark.parametrize(
    ("following", "granted", "keys"),
    [
        pytest.param(CRM_RETIRED, {CRM: 3}, ["crm"], id="a module retires"),
        pytest.param(CRM_REMOVED, {CRM: 3}, ["crm"], id="a module is removed"),
        pytest.param(LEADS_RETIRED, {LEADS: 3}, ["crm.leads"], id="a submodule retires"),
        pytest.param(LEADS_REMOVED, {LEADS: 3}, ["crm.leads"], id="a submodule is removed"),
        pytest.param(CRM_RETIRED, {LEADS: 3}, ["crm.leads"], id="a submodule's module retires"),
        pytest.param(CRM_REMOVED, {LEADS: 3}, ["crm.leads"], id="a submodule's module is removed"),
        pytest.param(CRM_RETIRED, {LEADS: 1, CRM: 3, HR: 9}, ["crm", "crm.leads"], id="both go"),
    ],
)
def test_a_granted_key_does_not_go_without_force(
    following: Document, granted: dict[Key, int], keys: list[str]
) -> None:
    with pytest.raises(ModuleStillGranted) as refused:
        published(following, granted=granted)
    assert refused.value.facts == {"keys": keys, "orgs": 3}


@pytest.mark.parametrize("following", [CRM_RETIRED, CRM_REMOVED])
def test_a_granted_module_goes_by_force_and_the_fact_says_so(following: Document) -> None:
    assert the_fact(following, granted={CRM: 3}, force=True).forced


@pytest.mark.parametrize("following", [CRM_RETIRED, CRM_REMOVED])
def test_a_module_that_nobody_holds_goes_without_force(following: Document) -> None:
    assert not the_fact(following, granted={CRM: 0, HR: 9}).forced


def test_force_that_was_not_needed_is_not_recorded() -> None:
    assert not the_fact(CRM_RETIRED, granted={HR: 9}, force=True).forced


def test_a_granted_module_may_change_in_other_ways() -> None:
    renamed = document(
        module("crm", submodule("leads", id=1), submodule("orders", id=2), id=1, display_name="C"),
        module("hr", submodule("payroll", id=3), id=2),
        bundles=[bundle("suite", "crm", "hr")],
    )
    assert the_fact(renamed, granted={CRM: 3}).changes == ["changed crm (display_name)"]


def test_a_retired_module_with_old_grants_does_not_keep_others_from_changing() -> None:
    """It retired by force once; nobody is asked again."""
    following = {**CRM_RETIRED, "longest_trial_days": 30}
    assert not the_fact(following, after=CRM_RETIRED, granted={CRM: 3}).forced


def test_a_retired_module_with_old_grants_is_not_removed_without_force() -> None:
    with pytest.raises(ModuleStillGranted):
        published(CRM_REMOVED, after=CRM_RETIRED, granted={CRM: 3})


def test_the_grants_of_a_module_retired_by_force_stay_and_it_is_disabled() -> None:
    retired, _, _ = published(CRM_RETIRED, granted={CRM: 1}, force=True)
    org = Scenario(catalog=retired).given(fact(ModuleGranted, key=CRM, grant_id="g1"))
    assert org.org.grants["g1"].active(noon)
    org.then_at(noon, {"crm": "disabled", "crm.leads": "disabled"})


def test_a_revived_module_wakes_with_the_grants_it_had() -> None:
    revived, _, _ = published(BEFORE, after=CRM_RETIRED, granted={CRM: 1})
    org = Scenario(catalog=revived).given(fact(ModuleGranted, key=CRM))
    org.then_at(noon, {"crm": "enabled", "crm.leads": "enabled"})


def test_the_catalog_before_is_as_it_was() -> None:
    """A replay judges an old instant by the catalog of that time."""
    current = catalog(*BEFORE["modules"], bundles=BEFORE["bundles"])
    publish(current, CRM_RETIRED, granted={CRM: 1}, force=True, now=noon, by=SUPER_ADMIN)
    assert current == read_catalog(BEFORE, version=1)
