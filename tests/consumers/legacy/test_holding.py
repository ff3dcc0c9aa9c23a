"""What keeps a row back: everything is named, and nothing is invented."""

from dataclasses import replace
from typing import Any

import pytest

from domain.catalog import Catalog, Key
from tests.consumers.legacy.rows import (
    NOW,
    codes,
    row,
    shipped_catalog,
    translated,
    translator,
    written,
)

HELD: list[tuple[dict[str, Any], str, str]] = [
    ({"enabled_modules": {"METAVERSE": True}}, "unknown_key", "enabled_modules.METAVERSE"),
    ({"enabled_modules": {"METAVERSE": False}}, "unknown_key", "enabled_modules.METAVERSE"),
    ({"enabled_modules": {"crm ": True}}, "unknown_key", "enabled_modules.crm "),
    ({"enabled_modules": {"crm.lead_management": True}}, "unknown_key",
     "enabled_modules.crm.lead_management"),
    ({"enabled_modules": {"": True}}, "unknown_key", "enabled_modules."),
    ({"enabled_modules": {"CRM": "maybe"}}, "not_a_truth_value", "enabled_modules.CRM"),
    ({"enabled_modules": {"USERS": "maybe"}}, "not_a_truth_value", "enabled_modules.USERS"),
    ({"enabled_modules": {"CRM": {"on": True}}}, "not_a_truth_value", "enabled_modules.CRM"),
    ({"enabled_modules": {"CRM": True, "crm": False}}, "contradiction", "enabled_modules.crm"),
    ({"enabled_modules": None}, "not_an_object", "enabled_modules"),
    ({"enabled_modules": ""}, "not_an_object", "enabled_modules"),
    ({"enabled_modules": ["CRM"]}, "not_an_object", "enabled_modules"),
    ({"enabled_modules": '{"CRM": true}'}, "not_an_object", "enabled_modules"),
    ({"route_access": {"warp_drive": True}}, "unknown_key", "route_access.warp_drive"),
    ({"route_access": {"leads": "perhaps"}}, "not_a_truth_value", "route_access.leads"),
    ({"route_access": {"leads": 1, "LEADS": 0}}, "contradiction", "route_access.LEADS"),
    ({"route_access": ["leads"]}, "not_an_object", "route_access"),
    ({"id": True}, "invalid_id", "id"),
    ({"id": 7.0}, "invalid_id", "id"),
    ({"id": None}, "invalid_id", "id"),
    ({"id": 0}, "invalid_id", "id"),
    ({"id": -7}, "invalid_id", "id"),
    ({"id": "../7"}, "invalid_id", "id"),
    ({"name": None}, "invalid_name", "name"),
    ({"name": "  "}, "invalid_name", "name"),
    ({"name": "a\x00b"}, "invalid_name", "name"),
    ({"name": "\ud800"}, "invalid_name", "name"),
    ({"name": "x" * 201}, "invalid_name", "name"),
    ({"updated_at": None}, "invalid_updated_at", "updated_at"),
    ({"updated_at": 1_700_000_000}, "invalid_updated_at", "updated_at"),
    ({"updated_at": "yesterday"}, "invalid_updated_at", "updated_at"),
    ({"updated_at": "2025-06-01T08:30:00"}, "invalid_updated_at", "updated_at"),
    ({"updated_at": "0001-01-01T00:00:00+14:00"}, "invalid_updated_at", "updated_at"),
    ({"updated_at": "1969-12-31T23:59:59Z"}, "invalid_updated_at", "updated_at"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "code", "place"), HELD)
def test_a_row_that_would_need_guessing_is_held(
    fields: dict[str, Any], code: str, place: str
) -> None:
    translation = translated(**fields)
    assert codes(translation) == [(code, place)]
    assert translation.commands == ()


@pytest.mark.parametrize("field", ["id", "name", "updated_at", "enabled_modules", "route_access"])
def test_a_row_that_lacks_a_field_is_held(field: str) -> None:
    lacking = row()
    del lacking[field]
    translation = translator().translate(lacking)
    assert [place for _, place in codes(translation)] == [field]


def test_every_difference_of_a_row_is_named() -> None:
    translation = translated(
        name="", enabled_modules={"METAVERSE": 1, "CRM": "maybe"}, route_access={"warp": 0}
    )
    assert codes(translation) == [
        ("invalid_name", "name"),
        ("unknown_key", "enabled_modules.METAVERSE"),
        ("not_a_truth_value", "enabled_modules.CRM"),
        ("unknown_key", "route_access.warp"),
    ]


def test_a_near_miss_is_told_what_it_nearly_is() -> None:
    (difference,) = translated(enabled_modules={"crm ": True}).differences
    assert "Did you mean 'crm'?" in difference.message


def test_a_row_from_the_future_is_held() -> None:
    """At the present instant itself it is not."""
    ahead = translator(now=NOW).translate(row(updated_at="2026-01-31T12:00:00.000001Z"))
    present = translator(now=NOW).translate(row(updated_at="2026-01-31T12:00:00Z"))
    assert codes(ahead) == [("invalid_updated_at", "updated_at")]
    assert codes(present) == []


def test_strictness_holds_empty_flags() -> None:
    fields = {"enabled_modules": {"CRM": None}, "route_access": {"leads": ""}}
    translation = translator(strict=True).translate(row(**fields))
    assert codes(translation) == [
        ("unset_value", "enabled_modules.CRM"),
        ("unset_value", "route_access.leads"),
    ]


def test_a_field_that_stands_twice_holds_the_row() -> None:
    text = (
        '{"id": 7, "id": 8, "name": "Seven", "updated_at": "2025-06-01T08:30:00Z",'
        ' "enabled_modules": {}, "route_access": {}}'
    )
    assert codes(translator().translate(written(text))) == [("repeated_field", "")]


def test_a_retired_module_that_is_on_holds_the_row() -> None:
    catalog = retired(shipped_catalog(), Key("crm"))
    on = translator(catalog=catalog).translate(row(enabled_modules={"CRM": True}))
    off = translator(catalog=catalog).translate(row(enabled_modules={"CRM": False}))
    assert codes(on) == [("module_retired", "enabled_modules.crm")]
    assert codes(off) == []


def retired(catalog: Catalog, key: Key) -> Catalog:
    """The catalog without one of its modules in force."""
    modules = tuple(replace(module, is_active=module.key != key) for module in catalog.modules)
    return replace(catalog, modules=modules)
