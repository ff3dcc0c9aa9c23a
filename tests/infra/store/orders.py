"""Orders for the ledger: one said shortly, and any number of random ones."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from domain.actors import Actor, Provenance
from domain.catalog import Key
from domain.commands import (
    ApplyBundle,
    BlockAccess,
    Command,
    ConvertTrial,
    ExtendTrial,
    GrantAccess,
    RegisterOrg,
    RemoveBundle,
    ResumeOrg,
    RevokeAccess,
    SetStatus,
    SetSubmodule,
    StartTrial,
    SuspendOrg,
    UnblockAccess,
)
from domain.ids import OrgId
from domain.orders import Order

ROOT = Provenance(
    actor=Actor(id="root", type="super_admin"), reason="because the ledger is put to the test"
)
CRM = Key("crm")
LEADS = Key("crm.lead_management")
KEYS = (CRM, CRM, Key("hr"), Key("manufacturing"))
SOURCES = ("admin", "admin", "plan:gold@3", "promo:spring")


def order(org: str, *commands: Command, **more: Any) -> Order:
    """An order of a super admin for one org."""
    return Order(org=OrgId(org), commands=commands, by=ROOT, **more)


def registration(org: str, *commands: Command, **more: Any) -> Order:
    """An order that registers the org first."""
    return order(org, RegisterOrg(name=f"Org {org}"), *commands, **more)


def random_commands(random: Random, *, now: datetime) -> list[Command]:
    """One to three commands, of which the ledger may refuse any."""
    return [random.choice(_ANY)(random, now) for _ in range(random.randint(1, 3))]


def _later(random: Random, now: datetime) -> datetime:
    return now + timedelta(microseconds=random.randint(1, 40 * 86_400_000_000))


def _perhaps(random: Random, now: datetime) -> datetime | None:
    return random.choice([None, None, _later(random, now)])


def _grant(random: Random, now: datetime) -> Command:
    return GrantAccess(
        key=random.choice((*KEYS, LEADS)),
        source=random.choice(SOURCES),
        starts=_perhaps(random, now),
        until=_perhaps(random, now),
        on_conflict=random.choice(["refuse", "supersede", "supersede"]),
    )


def _revoke(random: Random, now: datetime) -> Command:
    return RevokeAccess(
        key=random.choice(KEYS),
        scope=random.choice(["source", "all"]),
        source=random.choice(SOURCES),
        at=_perhaps(random, now),
    )


def _trial(random: Random, now: datetime) -> Command:
    return StartTrial(
        key=random.choice(KEYS),
        starts=_perhaps(random, now),
        until=_later(random, now),
        allow_latent=True,
        override_policy=True,
    )


def _status(random: Random, now: datetime) -> Command:
    return SetStatus(
        key=random.choice(KEYS),
        status=random.choice(["enabled", "trial", "disabled"]),
        trial_ends=_later(random, now),
    )


def _block(random: Random, now: datetime) -> Command:
    key = random.choice((*KEYS, LEADS, None))
    scope: Any = "org" if key is None else "submodule" if "." in key else "module"
    category: Any = random.choice(["admin_off", "abuse", "compliance"])
    if random.random() < 0.4:
        return UnblockAccess(scope=scope, key=key, category=category)
    return BlockAccess(
        scope=scope,
        key=key,
        category=category,
        starts=_perhaps(random, now),
        until=_perhaps(random, now),
    )


_ANY: tuple[Callable[[Random, datetime], Command], ...] = (
    _grant,
    _grant,
    _revoke,
    _revoke,
    _trial,
    _status,
    _block,
    _block,
    lambda random, now: ExtendTrial(key=random.choice(KEYS), by_days=random.randint(1, 9)),
    lambda random, now: ConvertTrial(key=random.choice(KEYS)),
    lambda random, now: SetSubmodule(key=LEADS, enabled=random.random() < 0.5),
    lambda random, now: random.choice([ApplyBundle, RemoveBundle])(bundle="crm_suite"),
    lambda random, now: random.choice([SuspendOrg, ResumeOrg])(),
)
