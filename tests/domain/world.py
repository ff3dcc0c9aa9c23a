"""The instants, the catalog and the people that the tests of the domain speak of."""

from datetime import UTC, datetime, timedelta

from domain.actors import Actor, Provenance
from domain.catalog import Bundle, Catalog, Key, Kind, Module, Submodule

us = timedelta(microseconds=1)
hour = timedelta(hours=1)
day = timedelta(days=1)

noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
morning = noon - 4 * hour
"""When what is given happened, unless it says otherwise."""

CRM = Key("crm")
LEADS = Key("crm.leads")
FORECASTS = Key("crm.forecasts")  # off by default
ARCHIVE = Key("crm.archive")  # off by default, and retired
HR = Key("hr")
PAYROLL = Key("hr.payroll")
MANUFACTURING = Key("manufacturing")
FAX = Key("fax")  # retired
EMAIL = Key("email")  # always on
TEMPLATES = Key("email.templates")
SETTINGS = Key("settings")  # permissions only

LONGEST_TRIAL = 90 * day


def _submodule(
    number: int, key: str, *, on_by_default: bool = True, is_active: bool = True
) -> Submodule:
    return Submodule(
        id=number,
        key=key,
        display_name=key.title(),
        sort_order=number,
        is_active=is_active,
        on_by_default=on_by_default,
    )


def _module(
    number: int,
    key: Key,
    *submodules: Submodule,
    kind: Kind = "billable",
    is_active: bool = True,
) -> Module:
    return Module(
        id=number,
        key=key,
        kind=kind,
        display_name=key.title(),
        sort_order=number,
        is_active=is_active,
        submodules=submodules,
    )


CATALOG = Catalog(
    version=1,
    longest_trial_days=LONGEST_TRIAL.days,
    modules=(
        _module(
            1,
            CRM,
            _submodule(11, "leads"),
            _submodule(12, "forecasts", on_by_default=False),
            _submodule(13, "archive", on_by_default=False, is_active=False),
        ),
        _module(2, HR, _submodule(21, "payroll")),
        _module(3, MANUFACTURING),
        _module(4, FAX, is_active=False),
        _module(5, EMAIL, _submodule(51, "templates"), kind="always_on"),
        _module(6, SETTINGS, kind="rbac_only"),
    ),
    bundles=(Bundle(key="growth", display_name="Growth", modules=(CRM, HR, EMAIL, FAX)),),
)

SUPER_ADMIN = Provenance(
    actor=Actor(id="u-super", type="super_admin"), reason="Agreed with the customer in writing."
)
ORG_ADMIN = Provenance(
    actor=Actor(id="u-org", type="org_admin"), reason="Asked for by the head of sales."
)
