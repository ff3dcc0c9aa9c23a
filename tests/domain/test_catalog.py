"""Keys are found however they are spelled, and nothing else is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalog import Kind, is_submodule, module_of
from domain.refusals import UnknownBundle, UnknownKey
from tests.domain.catalogs import bundle, catalog, module, submodule

CATALOG = catalog(
    module(
        "crm",
        submodule("lead_management", id=1),
        submodule("quotations", id=2),
        id=1,
        aliases=["customer-relations"],
    ),
    module("email", id=2, kind="always_on"),
    module(
        "settings",
        submodule("voucher-settings", id=3),
        submodule("DataManagement", id=4),
        id=3,
        kind="rbac_only",
    ),
    module("fax", id=4, is_active=False),
    bundles=[bundle("crm_suite", "crm"), bundle("legacy_suite", "fax")],
)


@pytest.mark.parametrize("raw", ["crm", "CRM", "Crm"])
def test_a_module_is_found_in_any_case(raw: str) -> None:
    assert CATALOG.resolve(raw) == "crm"


@pytest.mark.parametrize(
    "raw", ["crm.lead_management", "CRM.LEAD_MANAGEMENT", "Crm.Lead_Management"]
)
def test_a_submodule_is_found_in_any_case(raw: str) -> None:
    assert CATALOG.resolve(raw) == "crm.lead_management"


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ("customer-relations", "crm"),
        ("Customer-Relations", "crm"),
        ("settings.voucher-settings", "settings.voucher_settings"),
        ("SETTINGS.VOUCHER-SETTINGS", "settings.voucher_settings"),
        ("settings.DataManagement", "settings.data_management"),
        ("settings.datamanagement", "settings.data_management"),
    ],
)
def test_a_key_is_found_by_its_alias_in_any_case(raw: str, key: str) -> None:
    assert CATALOG.resolve(raw) == key


def test_a_submodule_is_found_under_the_alias_of_its_module() -> None:
    assert CATALOG.resolve("customer-relations.quotations") == "crm.quotations"


def test_a_retired_module_is_still_found() -> None:
    """Its history can be asked for."""
    assert CATALOG.resolve("fax") == "fax"


@pytest.mark.parametrize(
    "raw",
    ["", "erp", "lead_management", "crm.", ".crm", "crm.email", "crm.lead_management.x", " crm"],
)
def test_what_the_catalog_does_not_spell_is_refused(raw: str) -> None:
    with pytest.raises(UnknownKey):
        CATALOG.resolve(raw)


@pytest.mark.parametrize(
    ("raw", "nearest"),
    [
        ("crmm", ["crm"]),
        ("Setings", ["settings"]),
        ("crm.lead_managment", ["crm.lead_management"]),
        ("customer_relations", ["crm", "crm.quotations"]),
        ("crn", ["crm"]),
    ],
)
def test_an_unknown_key_names_the_nearest(raw: str, nearest: list[str]) -> None:
    with pytest.raises(UnknownKey) as refused:
        CATALOG.resolve(raw)
    assert refused.value.facts == {"key": raw, "nearest": nearest}


def test_a_nearest_key_is_named_once_however_many_spellings_it_has() -> None:
    with pytest.raises(UnknownKey) as refused:
        CATALOG.resolve("settings.voucher settings")
    assert refused.value.facts["nearest"] == ["settings.voucher_settings"]


def test_an_unknown_key_that_is_near_nothing_names_nothing() -> None:
    with pytest.raises(UnknownKey) as refused:
        CATALOG.resolve("zzzz")
    assert refused.value.facts["nearest"] == []
    assert "entitlements catalog show" in (refused.value.hint or "")


def test_an_endless_key_is_not_repeated_in_full() -> None:
    with pytest.raises(UnknownKey) as refused:
        CATALOG.resolve("x" * 10_000)
    assert refused.value.facts["key"] == "x" * 120


@settings(deadline=None)
@given(st.text())
def test_whatever_is_asked_for_is_a_key_of_the_catalog_or_refused(raw: str) -> None:
    try:
        found = CATALOG.resolve(raw)
    except UnknownKey:
        return
    assert found in CATALOG.keys


def test_a_submodule_is_refused_where_a_module_is_asked_for_and_its_module_named() -> None:
    with pytest.raises(UnknownKey) as refused:
        CATALOG.resolve_module("crm.quotations")
    assert refused.value.facts["nearest"] == ["crm"]


def test_a_module_is_found_where_a_module_is_asked_for() -> None:
    assert CATALOG.resolve_module("Customer-Relations") == "crm"


def test_every_key_comes_in_the_catalogs_order_a_module_before_its_submodules() -> None:
    assert list(CATALOG.walk()) == [
        "crm",
        "crm.lead_management",
        "crm.quotations",
        "email",
        "settings",
        "settings.voucher_settings",
        "settings.data_management",
        "fax",
    ]


def test_a_submodule_belongs_to_its_module() -> None:
    key = CATALOG.resolve("crm.quotations")
    assert (module_of(key), CATALOG.module(key).key) == ("crm", "crm")


def test_a_submodule_key_names_a_submodule() -> None:
    key = CATALOG.resolve("crm.quotations")
    found = CATALOG.submodule(key)
    assert is_submodule(key)
    assert found is not None
    assert found.id == 2


def test_a_module_key_names_no_submodule() -> None:
    key = CATALOG.resolve("crm")
    assert not is_submodule(key)
    assert CATALOG.submodule(key) is None


@pytest.mark.parametrize(
    ("kind", "exempt"), [("billable", False), ("always_on", True), ("rbac_only", True)]
)
def test_every_kind_but_billable_is_exempt(kind: Kind, *, exempt: bool) -> None:
    (only,) = catalog(module("some", kind=kind)).modules
    assert only.exempt is exempt


def test_the_billable_modules_are_those_not_exempt_and_include_the_retired() -> None:
    assert [billable.key for billable in CATALOG.billable] == ["crm", "fax"]


def test_a_bundle_is_found_in_any_case() -> None:
    assert CATALOG.bundle("CRM_Suite").modules == ("crm",)


def test_an_unknown_bundle_names_those_there_are() -> None:
    with pytest.raises(UnknownBundle) as refused:
        CATALOG.bundle("erp_suite")
    assert refused.value.facts == {"bundle": "erp_suite", "known": ["crm_suite", "legacy_suite"]}
