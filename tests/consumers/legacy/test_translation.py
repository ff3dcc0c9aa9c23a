"""From one legacy row to commands, or to the differences that keep it back."""

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.catalog import Key
from domain.commands import BlockAccess, GrantAccess, RegisterOrg
from tests.consumers.legacy.rows import codes, translated, translator, written

AT = datetime(2025, 6, 1, 8, 30, tzinfo=UTC)


def granted(**modules: Any) -> list[str]:
    """The modules that a row's `enabled_modules` grants."""
    translation = translated(enabled_modules=modules)
    assert codes(translation) == []
    return [c.key for c in translation.commands if isinstance(c, GrantAccess)]


def blocked(**routes: Any) -> list[str | None]:
    """The submodules that a row's `route_access` switches off."""
    translation = translated(route_access=routes)
    assert codes(translation) == []
    return [c.key for c in translation.commands if isinstance(c, BlockAccess)]


def test_a_row_says_everything_in_one_order_as_of_its_update() -> None:
    translation = translated(enabled_modules={"CRM": True}, route_access={"leads": False})
    assert (translation.org, translation.name) == ("7", "Organisation 7")
    assert translation.commands == (
        RegisterOrg(name="Organisation 7"),
        GrantAccess(key=Key("crm"), source="legacy", starts=AT),
        BlockAccess(
            scope="submodule", category="admin_off", key=Key("crm.lead_management"), starts=AT
        ),
    )


def test_an_org_without_flags_is_registered_and_nothing_more() -> None:
    assert translated().commands == (RegisterOrg(name="Organisation 7"),)


def test_keys_are_read_in_any_case() -> None:
    assert granted(CRM=True, Erp="yes", hr=1) == ["crm", "erp", "hr"]


def test_false_modules_are_not_granted() -> None:
    assert granted(CRM=False, ERP="off", HR=0, FINANCE=True) == ["finance"]


def test_a_module_spelt_twice_with_one_meaning_is_granted_once() -> None:
    assert granted(CRM=True, crm="yes") == ["crm"]


@pytest.mark.parametrize("key", ["USERS", "email", "Settings", "ADMIN"])
def test_exempt_modules_are_accepted_and_grant_nothing(key: str) -> None:
    assert granted(**{key: True}) == []
    assert granted(**{key: False}) == []


def test_routes_that_are_off_are_blocked_and_the_rest_stay_as_they_are() -> None:
    assert blocked(vendors="no", leads=True, TASKS_LIST=0) == ["erp.my_tasks", "erp.vendors"]


@pytest.mark.parametrize("empty", [None, ""])
def test_empty_flags_read_as_never_set_and_are_counted(empty: Any) -> None:
    translation = translated(
        enabled_modules={"CRM": empty, "ERP": True}, route_access={"leads": empty}
    )
    assert codes(translation) == []
    assert [type(c) for c in translation.commands] == [RegisterOrg, GrantAccess]
    assert translation.unset == 2


def test_an_empty_flag_contradicts_nothing() -> None:
    assert granted(CRM=None, crm=True) == ["crm"]


@pytest.mark.parametrize("empty", [None, ""])
def test_routes_that_were_never_set_leave_everything_on(empty: Any) -> None:
    translation = translated(route_access=empty)
    assert (codes(translation), translation.unset) == ([], 1)


def test_a_key_that_stands_twice_in_the_text_contradicts_itself() -> None:
    """A JSON reader would silently take the last."""
    text = (
        '{"id": 7, "name": "Seven", "updated_at": "2025-06-01T08:30:00Z", "route_access": {},'
        ' "enabled_modules": {"crm": true, "crm": false}}'
    )
    translation = translator().translate(written(text))
    assert codes(translation) == [("contradiction", "enabled_modules.crm")]
