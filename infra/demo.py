"""A handful of orgs that show the five scenarios of the rollout plan."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

from domain.actors import Actor, Provenance
from domain.catalog import Key
from domain.commands import ApplyBundle, Command, GrantAccess, RegisterOrg, StartTrial
from domain.ids import org_id
from domain.orders import Order
from domain.refusals import OrgAlreadyRegistered
from infra.wiring import Parts

_IDS = UUID("5f0b3c6e-0f5a-4b7e-8f0b-2a9d1f3c7e55")  # never rename: seeding twice must act once
_BY = Provenance(
    actor=Actor(id="demo", type="system"),
    reason="Seeded by the demonstration to show a scenario of the rollout plan.",
)


DEMO_ORGS = ("1", "demo-nothing", "demo-trial", "demo-lapsed", "demo-bundles")


class DemoOrg(NamedTuple):
    """An org to show something with."""

    org: str
    name: str
    commands: Sequence[Command]


def demo_orgs(now: datetime) -> list[DemoOrg]:
    """The orgs, as they are to be at `now`; org 1 has the name it has in the legacy export."""
    manufacturing = Key("manufacturing")
    lapsed = StartTrial(
        key=manufacturing, starts=now - timedelta(days=30), until=now - timedelta(days=16)
    )
    return [
        DemoOrg("1", "Organisation 00001", [GrantAccess(key=Key("crm"))]),
        DemoOrg("demo-nothing", "Demo: all modules disabled", []),
        DemoOrg(
            "demo-trial",
            "Demo: Manufacturing on trial",
            [StartTrial(key=manufacturing, until=now + timedelta(days=14))],
        ),
        DemoOrg("demo-lapsed", "Demo: trial has lapsed", [lapsed]),
        DemoOrg(
            "demo-bundles",
            "Demo: CRM and ERP bundles",
            [ApplyBundle(bundle="crm_suite"), ApplyBundle(bundle="erp_suite")],
        ),
    ]


async def seed(parts: Parts) -> None:
    """Register the demonstration orgs; those that are there already stay as they are."""
    for demo in demo_orgs(parts.clock.now()):
        order = Order(
            org=org_id(demo.org),
            commands=[RegisterOrg(name=demo.name), *demo.commands],
            by=_BY,
            command_id=uuid5(_IDS, demo.org),
            may_backdate=True,
        )
        with suppress(OrgAlreadyRegistered):  # somebody else's by now
            await parts.ledger.execute(order)
