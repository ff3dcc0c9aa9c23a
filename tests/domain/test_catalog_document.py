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
)


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
        bundles=[bundle("suite", "erp"), bundle("suite", "crm", "crm"), bundle("", "gst")],
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
