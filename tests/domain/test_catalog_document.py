"""A catalog document is read, normalised once, or refused with every problem it has."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.catalog import Catalog
from domain.catalog_document import compare, normalised, read_catalog, write_catalog
from domain.refusals import InvalidCatalog
from tests.domain.catalogs import Document, bundle, catalog, document, module, submodule

FULL: Document = document(
    module(
        "crm",
        submodule(
            "lead_management",
            id=1,
            description="Leads.",
            menu_path="/sales/leads",
            permission="crm.view",
            is_active=True,
            default="off",
            aliases=["leads"],
        ),
        submodule("Quotations", id=2, is_active=False),
        id=1,
        description="Selling.",
        icon="handshake",
        is_active=True,
        aliases=["customer-relations"],
    ),
    module("e-mail", id=2, kind="always_on", is_active=False),
    bundles=[bundle("crm_suite", "crm", description="All of it.")],
    longest_trial_days=30,
    role_permissions={"org_admin": ["crm.*", "hr.view"], "super_admin": ["*"]},
)


AT_ITS_END = "nor one that ends in '.*', nor '*'"


def problems(given_document: Any) -> list[str]:
    """What is wrong with a document, nothing when it can be read."""
    try:
        read_catalog(given_document, version=1)
    except InvalidCatalog as refused:
        named: list[str] = refused.facts["problems"]
        return named
    return []


# Normalising


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ("crm", "crm"),
        ("lead_management", "lead_management"),
        ("CRM", "crm"),
        ("voucher-settings", "voucher_settings"),
        ("app-user-management", "app_user_management"),
        ("DataManagement", "data_management"),
        ("FactoryReset", "factory_reset"),
        ("dataManagement", "data_management"),
        ("organizations/create", "organizations_create"),
        ("Order Book", "order_book"),
        ("a.b", "a_b"),
        ("  gst -- returns ", "gst_returns"),
        ("form16A", "form16_a"),
        ("_private_", "private"),
        ("2fa", "2fa"),
        ("", ""),
        ("///", ""),
    ],
)
def test_a_raw_key_becomes_lower_snake_case(raw: str, key: str) -> None:
    assert normalised(raw) == key


@given(st.text())
def test_what_is_normalised_stays_as_it_is(raw: str) -> None:
    assert normalised(normalised(raw)) == normalised(raw)


@given(st.text())
def test_what_is_normalised_has_only_lower_case_letters_digits_and_single_underscores(
    raw: str,
) -> None:
    assert re.fullmatch(r"([a-z0-9]+(_[a-z0-9]+)*)?", normalised(raw))


def test_a_raw_key_stays_as_an_alias_of_the_normalised_one() -> None:
    (settings_module,) = catalog(module("settings", submodule("voucher-settings"))).modules
    (voucher_settings,) = settings_module.submodules
    assert voucher_settings.key == "voucher_settings"
    assert voucher_settings.aliases == ("voucher-settings",)


def test_a_key_in_snake_case_gets_no_alias() -> None:
    (crm,) = catalog(module("crm")).modules
    assert crm.aliases == ()


def test_a_raw_key_that_is_listed_as_an_alias_is_not_listed_twice() -> None:
    (mail,) = catalog(module("e-mail", aliases=["mail", "e-mail"])).modules
    assert mail.aliases == ("mail", "e-mail")


def test_a_bundle_names_its_modules_by_their_raw_keys_too() -> None:
    read = catalog(module("e-mail"), bundles=[bundle("Mail-Suite", "e-mail")])
    assert read.bundle("mail_suite").modules == ("e_mail",)


# Reading


def test_a_submodule_is_on_unless_its_default_is_off() -> None:
    (crm,) = catalog(
        module(
            "crm",
            submodule("plain", id=1),
            submodule("on", id=2, default="on"),
            submodule("off", id=3, default="off"),
        )
    ).modules
    assert [sub.on_by_default for sub in crm.submodules] == [True, True, False]


def test_an_entry_is_active_unless_it_says_otherwise() -> None:
    read = catalog(module("crm", id=1), module("fax", id=2, is_active=False))
    assert [entry.is_active for entry in read.modules] == [True, False]


def test_a_trial_lasts_at_most_90_days_unless_the_document_says_otherwise() -> None:
    assert catalog().longest_trial_days == 90
    assert catalog(longest_trial_days=14).longest_trial_days == 14


def test_the_version_is_the_one_it_is_read_as() -> None:
    assert read_catalog(document(), version=7).version == 7


def test_a_field_of_a_newer_release_does_not_keep_a_document_from_being_read() -> None:
    plain = catalog(module("crm", submodule("leads")))
    assert catalog(module("crm", submodule("leads", colour="red"), price=9), theme={}) == plain


# Refusing


def test_every_problem_of_the_content_is_named_at_once() -> None:
    given_document = document(
        module("crm", submodule("leads", id=1), submodule("leads", id=2), id=1),
        module("crm", submodule("2fa", id=2), id=1),
        module("///", id=3),
        bundles=[bundle("suite", "erp"), bundle("suite", "crm", "crm"), bundle("///", "gst")],
        longest_trial_days=0,
    )
    assert sorted(problems(given_document)) == sorted(
        [
            "longest_trial_days must be 1 to 3650",
            "module 'crm' appears 2 times",
            "module id 1 appears 2 times",
            "submodule 'crm.leads' appears 2 times",
            "submodule id 2 appears 2 times",
            "'crm.2fa' is not a submodule key in lower snake case",
            "'' is not a module key in lower snake case",
            "'' is not a bundle key in lower snake case",
            "bundle 'suite' appears 2 times",
            "bundle 'suite' names the unknown module 'erp'",
            "bundle 'suite' names the module 'crm' 2 times",
            "bundle '' names the unknown module 'gst'",
        ]
    )


@pytest.mark.parametrize(
    ("modules", "problem"),
    [
        (
            [module("crm", id=1, aliases=["Sales"]), module("sales", id=2)],
            "'sales' could mean crm or sales",
        ),
        (
            [module("crm", id=1, aliases=["x"]), module("erp", id=2, aliases=["X"])],
            "'x' could mean crm or erp",
        ),
        (
            [module("crm", submodule("a", id=1, aliases=["b"]), submodule("b", id=2))],
            "'crm.b' could mean crm.a or crm.b",
        ),
        (
            [module("crm", submodule("leads"), id=1), module("hr", id=2, aliases=["crm.leads"])],
            "'crm.leads' could mean crm.leads or hr",
        ),
    ],
)
def test_no_spelling_means_two_keys(modules: list[Document], problem: str) -> None:
    assert problems(document(*modules)) == [problem]


@pytest.mark.parametrize("days", [-1, 0, 3651])
def test_the_longest_trial_is_of_one_day_to_ten_years(days: int) -> None:
    """Beyond that the end of a trial leaves what a calendar can hold."""
    assert problems(document(longest_trial_days=days)) == ["longest_trial_days must be 1 to 3650"]


def test_a_catalog_without_roles_leaves_everything_to_super_admins() -> None:
    """As the catalogs do that were published before there were roles in them."""
    assert catalog(module("crm")).role_permissions == {"super_admin": ("*",)}
    assert written(catalog(module("crm")))["role_permissions"] == {"super_admin": ["*"]}


@pytest.mark.parametrize(
    ("roles", "problem"),
    [
        ({"Org Admin": []}, "'Org Admin' is not a role in lower snake case"),
        (
            {"user": ["crm.view", "crm.view"]},
            "role 'user' has the permission 'crm.view' 2 times",
        ),
        *(
            (
                {"user": [wrong]},
                f"role 'user' has {wrong!r}, which is neither a permission, {AT_ITS_END}",
            )
            for wrong in ("crm*", "*.view", "crm.*.view", "crm.", ".crm", "crm view", "**")
        ),
    ],
)
def test_a_role_has_permissions_and_wildcards_at_their_ends(
    roles: dict[str, list[str]], problem: str
) -> None:
    assert problems(document(module("crm"), role_permissions=roles)) == [problem]


def test_every_departure_from_the_form_is_named_at_once() -> None:
    given_document = {
        "longest_trial_days": "90",
        "modules": [
            {"id": 1.0, "key": "crm", "kind": "free", "display_name": None, "sort_order": True},
            {"kind": "billable", "submodules": [{"key": "leads", "default": "of"}, "orders"]},
        ],
        "bundles": {"crm_suite": ["crm"]},
    }
    assert problems(given_document) == [
        "longest_trial_days is text, not a whole number",
        "modules[crm].id is a number, not a whole number",
        "modules[crm].kind is 'free', not one of billable, always_on, rbac_only",
        "modules[crm].display_name is null, not text",
        "modules[crm].sort_order is true or false, not a whole number",
        "modules[1] lacks the field 'id'",
        "modules[1] lacks the field 'key'",
        "modules[1] lacks the field 'display_name'",
        "modules[1] lacks the field 'sort_order'",
        "modules[1].submodules[leads] lacks the field 'id'",
        "modules[1].submodules[leads] lacks the field 'display_name'",
        "modules[1].submodules[leads] lacks the field 'sort_order'",
        "modules[1].submodules[leads].default is 'of', not one of on, off",
        "modules[1].submodules[1] is text, not an object",
        "bundles is an object, not a list",
    ]


NO_NUMBER: list[Any] = ["1", 1.5, float("inf"), float("nan"), True, None, [], {}, 10**15, -(10**15)]
NO_TEXT: list[Any] = [1, 1.5, False, None, [], {}, "", " \t", "a\x00b", "a\ud800b"]
NO_TEXT_OR_NULL: list[Any] = [1, 1.5, False, [], {}, "a\x00b", "a\ud800b"]
NO_TRUTH: list[Any] = ["false", "", 0, 1, None, [], {}]
NO_LIST: list[Any] = ["crm", 1, True, None, {}, {"crm": 1}]
NO_OBJECT: list[Any] = ["crm", 1, True, None, []]


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ((), [*NO_OBJECT, {}]),
        (("longest_trial_days",), NO_NUMBER),
        (("role_permissions",), NO_OBJECT),
        (("role_permissions", "org_admin"), NO_LIST),
        (("role_permissions", "org_admin", 0), NO_TEXT),
        (("modules",), NO_LIST),
        (("modules", 0), NO_OBJECT),
        (("modules", 0, "id"), NO_NUMBER),
        (("modules", 0, "key"), NO_TEXT),
        (("modules", 0, "kind"), [*NO_TEXT, "free", "Billable"]),
        (("modules", 0, "display_name"), NO_TEXT),
        (("modules", 0, "description"), NO_TEXT_OR_NULL),
        (("modules", 0, "icon"), NO_TEXT_OR_NULL),
        (("modules", 0, "sort_order"), NO_NUMBER),
        (("modules", 0, "is_active"), NO_TRUTH),
        (("modules", 0, "aliases"), NO_LIST),
        (("modules", 0, "aliases", 0), NO_TEXT),
        (("modules", 0, "submodules"), NO_LIST),
        (("modules", 0, "submodules", 0), NO_OBJECT),
        (("modules", 0, "submodules", 0, "id"), NO_NUMBER),
        (("modules", 0, "submodules", 0, "key"), NO_TEXT),
        (("modules", 0, "submodules", 0, "display_name"), NO_TEXT),
        (("modules", 0, "submodules", 0, "description"), NO_TEXT_OR_NULL),
        (("modules", 0, "submodules", 0, "menu_path"), NO_TEXT_OR_NULL),
        (("modules", 0, "submodules", 0, "permission"), NO_TEXT_OR_NULL),
        (("modules", 0, "submodules", 0, "sort_order"), NO_NUMBER),
        (("modules", 0, "submodules", 0, "is_active"), NO_TRUTH),
        (("modules", 0, "submodules", 0, "default"), [*NO_TEXT, "On", "of"]),
        (("modules", 0, "submodules", 0, "aliases"), NO_LIST),
        (("modules", 0, "submodules", 0, "aliases", 0), NO_TEXT),
        (("bundles",), NO_LIST),
        (("bundles", 0), NO_OBJECT),
        (("bundles", 0, "key"), NO_TEXT),
        (("bundles", 0, "display_name"), NO_TEXT),
        (("bundles", 0, "description"), NO_TEXT_OR_NULL),
        (("bundles", 0, "modules"), NO_LIST),
        (("bundles", 0, "modules", 0), NO_TEXT),
    ],
    ids=lambda value: "/".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_a_value_of_the_wrong_type_is_refused(
    place: tuple[str | int, ...], wrong: list[Any]
) -> None:
    for value in wrong:
        assert problems(replaced(FULL, place, value)) != [], repr(value)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ((), "modules"),
        (("modules", 0), "id"),
        (("modules", 0), "key"),
        (("modules", 0), "kind"),
        (("modules", 0), "display_name"),
        (("modules", 0), "sort_order"),
        (("modules", 0, "submodules", 0), "id"),
        (("modules", 0, "submodules", 0), "key"),
        (("modules", 0, "submodules", 0), "display_name"),
        (("modules", 0, "submodules", 0), "sort_order"),
        (("bundles", 0), "key"),
        (("bundles", 0), "display_name"),
        (("bundles", 0), "modules"),
    ],
)
def test_a_field_that_must_be_there_is_missed(place: tuple[str | int, ...], name: str) -> None:
    entry = {field: value for field, value in found(FULL, place).items() if field != name}
    (problem,) = problems(replaced(FULL, place, entry))
    assert problem.endswith(f"lacks the field '{name}'")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(JSON)
def test_no_document_fails_in_any_other_way_than_by_its_problems(anything: Any) -> None:
    problems(anything)


@settings(deadline=None)
@given(st.data())
def test_a_document_that_was_spoilt_anywhere_is_read_or_refused(data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(list(places(FULL))))
    spoilt = replaced(FULL, place, data.draw(JSON))
    if not problems(spoilt):
        read = read_catalog(spoilt, version=1)
        assert read_catalog(written(read), version=1) == read


def test_an_endless_wrong_value_is_not_repeated_in_full() -> None:
    endless = module("crm" * 1000, kind="free" * 1000)
    (problem,) = problems(document(endless))
    assert len(problem) < 300


# Writing


def test_what_is_written_is_read_back_to_an_equal_catalog() -> None:
    read = read_catalog(FULL, version=3)
    assert read_catalog(written(read), version=3) == read


def test_what_is_written_after_a_raw_key_was_read_names_the_normalised_one() -> None:
    (mail,) = written(catalog(module("e-mail")))["modules"]
    assert (mail["key"], mail["aliases"]) == ("e_mail", ["e-mail"])


def test_writing_what_was_read_back_changes_nothing() -> None:
    once = written(read_catalog(FULL, version=1))
    assert written(read_catalog(once, version=2)) == once


KEYS = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,4}([_/-][a-z0-9]{1,4}){0,2}", fullmatch=True)
TEXT = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1).filter(str.strip)


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Documents whose keys and ids do not get into each other's way."""

    def keys() -> list[str]:
        return draw(st.lists(KEYS, max_size=3, unique_by=normalised))

    entries, numbers = [], iter(range(1, 100))
    for key in keys():
        subs = [
            submodule(
                sub_key,
                id=next(numbers),
                display_name=draw(TEXT),
                default=draw(st.sampled_from(["on", "off"])),
                is_active=draw(st.booleans()),
                menu_path=draw(st.none() | TEXT),
            )
            for sub_key in keys()
        ]
        kind = draw(st.sampled_from(["billable", "always_on", "rbac_only"]))
        entries.append(module(key, *subs, id=next(numbers), kind=kind, description=draw(TEXT)))
    named = [entry["key"] for entry in entries]
    bundles = [bundle("suite", *named, display_name=draw(TEXT))]
    return document(*entries, bundles=bundles, longest_trial_days=draw(st.integers(1, 3650)))


@settings(deadline=None)
@given(documents())
def test_any_catalog_survives_being_written_and_read(given_document: Document) -> None:
    read = read_catalog(given_document, version=1)
    assert read_catalog(written(read), version=1) == read


@settings(deadline=None)
@given(documents())
def test_any_key_is_found_by_its_raw_spelling(given_document: Document) -> None:
    read = read_catalog(given_document, version=1)
    for entry in given_document["modules"]:
        assert read.resolve(entry["key"]) == normalised(entry["key"])


# Comparing


def changes(old: Catalog | None, new: Catalog) -> list[str]:
    return [str(change) for change in compare(old, new)]


def test_everything_in_a_first_catalog_is_added() -> None:
    first = catalog(module("crm", submodule("leads")), bundles=[bundle("suite", "crm")])
    assert changes(None, first) == [
        "added longest_trial_days",
        "added crm",
        "added crm.leads",
        "added bundle:suite",
        "added role:super_admin",
    ]


def test_roles_are_compared_one_by_one() -> None:
    old = {"super_admin": ["*"], "user": ["crm.view"], "org_admin": ["crm.*"]}
    new = {"super_admin": ["*"], "user": ["crm.view", "hr.view"], "service": []}
    assert changes(
        catalog(module("crm"), role_permissions=old), catalog(module("crm"), role_permissions=new)
    ) == ["changed role:user (permissions)", "added role:service", "removed role:org_admin"]


def test_nothing_changes_between_equal_catalogs() -> None:
    assert changes(read_catalog(FULL, version=1), read_catalog(FULL, version=2)) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            document(module("crm")),
            document(module("crm"), module("hr", submodule("payroll"), id=2)),
            ["added hr", "added hr.payroll"],
        ),
        (
            document(module("crm", submodule("leads", id=1))),
            document(module("crm", submodule("leads", id=1), submodule("orders", id=2))),
            ["added crm.orders"],
        ),
        (
            document(module("crm"), module("hr", submodule("payroll"), id=2)),
            document(module("crm")),
            ["removed hr", "removed hr.payroll"],
        ),
        (
            document(module("crm")),
            document(module("crm", is_active=False)),
            ["retired crm (is_active)"],
        ),
        (
            document(module("crm", is_active=False)),
            document(module("crm")),
            ["revived crm (is_active)"],
        ),
        (
            document(module("crm", submodule("leads"))),
            document(module("crm", submodule("leads", is_active=False))),
            ["retired crm.leads (is_active)"],
        ),
        (
            document(module("crm")),
            document(module("crm", display_name="CRM", icon="handshake")),
            ["changed crm (display_name, icon)"],
        ),
        (
            document(module("crm")),
            document(module("crm", is_active=False, description="Sold no more.")),
            ["retired crm (description, is_active)"],
        ),
        (
            document(module("crm", submodule("leads"))),
            document(module("crm", submodule("leads", default="off"))),
            ["changed crm.leads (on_by_default)"],
        ),
        (
            document(module("e_mail")),
            document(module("e-mail", display_name="e_mail")),
            ["changed e_mail (aliases)"],
        ),
        (
            document(module("crm"), bundles=[bundle("suite", "crm")]),
            document(module("crm"), bundles=[bundle("suite")]),
            ["changed bundle:suite (modules)"],
        ),
        (
            document(longest_trial_days=90),
            document(longest_trial_days=30),
            ["changed longest_trial_days (days)"],
        ),
    ],
    ids=lambda value: "; ".join(value) if isinstance(value, list) else "",
)
def test_a_change_is_named_by_what_it_is(old: Document, new: Document, expected: list[str]) -> None:
    given_catalogs = read_catalog(old, version=1), read_catalog(new, version=2)
    assert changes(*given_catalogs) == expected


def test_changes_come_in_the_order_of_the_new_catalog_and_removals_last() -> None:
    old = catalog(module("hr", id=1), module("crm", id=2))
    new = catalog(module("erp", id=3), module("crm", id=2, is_active=False), module("gst", id=4))
    assert changes(old, new) == [
        "added erp",
        "retired crm (is_active)",
        "added gst",
        "removed hr",
    ]


# What the tests above lean on


def written(read: Catalog) -> Document:
    """What is written, after a journey through JSON."""
    through_json: Document = json.loads(json.dumps(write_catalog(read)))
    return through_json


def places(value: Any, *, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The place of every value in a document, its own first."""
    yield at
    if isinstance(value, dict | list):
        for name in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[name], at=(*at, name))


def found(value: Any, place: tuple[str | int, ...]) -> Any:
    """The value at a place."""
    for name in place:
        value = value[name]
    return value


def replaced(value: Any, place: tuple[str | int, ...], by: Any) -> Any:
    """A copy of a document with another value at a place."""
    if not place:
        return by
    changed = copy.deepcopy(value)
    found(changed, place[:-1])[place[-1]] = by
    return changed
