"""The shipped catalog says what the facts it was written from say, in words for people."""

import csv
import json
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from domain.catalog import Bundle, Catalog, Module, Submodule
from domain.catalog_document import read_catalog, write_catalog
from domain.refusals import UnknownKey
from infra.catalog import default_document

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


@pytest.fixture
def shipped() -> Catalog:
    """The shipped catalog as the first version."""
    return read_catalog(default_document(), version=1)


def shared(name: str) -> str:
    """A file beside the checkout that the shipped catalog was written from."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"shared/data/{name} does not lie beside this checkout")
    return path.read_text(encoding="utf-8")


@pytest.fixture
def facts() -> Any:
    """Bundles, modules and submodules as they were counted in the legacy application."""
    return json.loads(shared("catalog_facts.json"))


@pytest.fixture
def menu() -> list[dict[str, str]]:
    """The legacy application's menu: one row for every submodule."""
    return list(csv.DictReader(shared("menu_permission_map.csv").splitlines()))


def submodules(shipped: Catalog) -> list[Submodule]:
    """The submodules of all modules."""
    return [sub for module in shipped.modules for sub in module.submodules]


# What it holds


def test_there_are_49_modules_223_submodules_and_10_bundles(shipped: Catalog) -> None:
    assert len(shipped.modules) == 49
    assert len(submodules(shipped)) == 223
    assert len(shipped.bundles) == 10


def test_a_trial_lasts_at_most_90_days(shipped: Catalog) -> None:
    assert shipped.longest_trial_days == 90


def test_these_modules_are_exempt_and_no_others(shipped: Catalog) -> None:
    assert {module.key: module.kind for module in shipped.modules if module.exempt} == {
        "email": "always_on",
        "settings": "rbac_only",
        "admin": "rbac_only",
        "administration": "rbac_only",
        "organization": "rbac_only",
        "users": "rbac_only",
    }


def test_every_billable_module_is_in_one_bundle_and_no_exempt_one_in_any(shipped: Catalog) -> None:
    bundled = Counter(key for bundle in shipped.bundles for key in bundle.modules)
    assert bundled == {module.key: 1 for module in shipped.billable}


def test_everything_is_active_and_on_by_default(shipped: Catalog) -> None:
    assert all(module.is_active for module in shipped.modules)
    assert all(sub.is_active and sub.on_by_default for sub in submodules(shipped))


# Agreement with the facts


def test_modules_agree_with_the_facts(shipped: Catalog, facts: Any) -> None:
    assert [(module.key, module.kind) for module in shipped.modules] == [
        (fact["key"], fact["kind"]) for fact in facts["modules"]
    ]


def test_submodules_agree_with_the_facts(shipped: Catalog, facts: Any) -> None:
    for fact in facts["modules"]:
        module = shipped.module(shipped.resolve(fact["key"]))
        assert [(sub.menu_path, sub.permission) for sub in module.submodules] == [
            (sub["menu_path"], sub["permission"]) for sub in fact["submodules"]
        ]
        assert list(module.by_submodule) == [
            shipped.resolve(f"{fact['key']}.{sub['key']}") for sub in fact["submodules"]
        ]


def test_bundles_agree_with_the_facts(shipped: Catalog, facts: Any) -> None:
    assert [(b.key, b.display_name, list(b.modules)) for b in shipped.bundles] == [
        (fact["key"], fact["display_name"], fact["modules"]) for fact in facts["bundles"]
    ]


def test_each_module_is_in_the_bundle_the_facts_name(shipped: Catalog, facts: Any) -> None:
    bundle_of = {key: bundle.key for bundle in shipped.bundles for key in bundle.modules}
    assert {module.key: bundle_of.get(module.key) for module in shipped.modules} == {
        fact["key"]: fact["bundle"] for fact in facts["modules"]
    }


def test_a_raw_key_is_an_alias_where_it_is_not_the_key(shipped: Catalog, facts: Any) -> None:
    raw_keys = [sub["key"] for fact in facts["modules"] for sub in fact["submodules"]]
    for sub, raw in zip(submodules(shipped), raw_keys, strict=True):
        assert sub.aliases == (() if raw == sub.key else (raw,))


def test_the_menu_agrees_row_by_row(shipped: Catalog, menu: list[dict[str, str]]) -> None:
    rows = []
    for row in menu:
        key = shipped.resolve(f"{row['module']}.{row['submodule']}")
        submodule = shipped.submodule(key)
        assert submodule is not None
        rows.append({**row, "menu_path": submodule.menu_path, "permission": submodule.permission})
    assert rows == menu


def test_the_menu_names_every_submodule(shipped: Catalog, menu: list[dict[str, str]]) -> None:
    named = [shipped.resolve(f"{row['module']}.{row['submodule']}") for row in menu]
    assert named == [key for module in shipped.modules for key in module.by_submodule]


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ("settings.voucher-settings", "settings.voucher_settings"),
        ("settings.DataManagement", "settings.data_management"),
        ("settings.FactoryReset", "settings.factory_reset"),
        ("settings.app-user-management", "settings.app_user_management"),
        ("settings.manage-organizations", "settings.manage_organizations"),
        ("settings.organizations/create", "settings.organizations_create"),
        ("settings.license-management", "settings.license_management"),
        ("settings.service-settings", "settings.service_settings"),
        ("settings.audit-logs", "settings.audit_logs"),
        ("settings.user-management", "settings.user_management"),
    ],
)
def test_a_key_is_found_by_what_the_legacy_application_called_it(
    shipped: Catalog, raw: str, key: str
) -> None:
    assert shipped.resolve(raw) == key


# Ids and order


def test_ids_count_up_in_the_catalogs_order(shipped: Catalog) -> None:
    assert [module.id for module in shipped.modules] == list(range(1, 50))
    assert [sub.id for sub in submodules(shipped)] == list(range(1, 224))


def test_sort_orders_leave_room_between_neighbours(shipped: Catalog) -> None:
    orders = [[module.sort_order for module in shipped.modules]]
    orders += [[sub.sort_order for sub in module.submodules] for module in shipped.modules]
    for order in orders:
        assert order == [10 * place for place in range(1, len(order) + 1)]


# Words for people


def test_every_module_and_bundle_is_described_in_one_sentence(shipped: Catalog) -> None:
    described: list[Module | Bundle] = [*shipped.modules, *shipped.bundles]
    for entry in described:
        assert re.fullmatch(r"[A-Z][^.!?\n]*\.", entry.description or ""), entry.key


def test_a_submodule_that_is_described_is_described_in_one_sentence(shipped: Catalog) -> None:
    for sub in submodules(shipped):
        if sub.description is not None:
            assert re.fullmatch(r"[A-Z][^.!?\n]*\.", sub.description), sub.key


def test_every_module_has_the_name_of_a_material_icon(shipped: Catalog) -> None:
    for module in shipped.modules:
        assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", module.icon or ""), module.key


def test_no_two_modules_look_alike(shipped: Catalog) -> None:
    for field in ("display_name", "icon", "description"):
        values = Counter(getattr(module, field) for module in shipped.modules)
        assert [value for value, n in values.items() if n > 1] == []


def test_no_two_submodules_of_a_module_have_the_same_name(shipped: Catalog) -> None:
    for module in shipped.modules:
        names = Counter(sub.display_name for sub in module.submodules)
        assert [name for name, n in names.items() if n > 1] == [], module.key


ACRONYMS = {"AI", "BI", "BOM", "CRM", "ERP", "GRN", "GST", "HR", "RBAC", "RFQ", "ROI", "SEO"}
ACRONYMS |= {"SLA", "SMS", "KPIs", "OAuth", "AutoML", "A", "B"}


def test_names_are_in_title_case_and_spell_acronyms_as_they_are_spelled(shipped: Catalog) -> None:
    spelled = {word.lower(): word for word in ACRONYMS} | {"of": "of", "for": "for"}
    named: list[Module | Submodule | Bundle] = [*shipped.modules, *submodules(shipped)]
    for entry in [*named, *shipped.bundles]:
        for word in re.findall(r"[^\s()/&-]+", entry.display_name):
            assert word == spelled.get(word.lower(), word.capitalize()), entry.display_name


# The file


def test_what_is_shipped_survives_being_written_and_read(shipped: Catalog) -> None:
    assert read_catalog(write_catalog(shipped), version=1) == shipped


def test_each_document_is_a_new_one() -> None:
    default_document()["modules"].clear()
    assert len(default_document()["modules"]) == 49


def test_the_file_has_the_one_layout_that_keeps_differences_small() -> None:
    text = files("infra.catalog").joinpath("default.json").read_text(encoding="utf-8")
    assert text == json.dumps(default_document(), indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(("raw", "nearest"), [("nosuch", []), ("vuocher", ["voucher"])])
def test_only_what_is_spelt_nearly_so_is_suggested(
    shipped: Catalog, raw: str, nearest: list[str]
) -> None:
    with pytest.raises(UnknownKey) as refused:
        shipped.resolve(raw)
    assert [key.partition(".")[0] for key in refused.value.facts["nearest"]][:1] == nearest
