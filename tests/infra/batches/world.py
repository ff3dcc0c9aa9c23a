"""Orgs by the hundred, and rows for them."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from typing import Any

from api.bulk import read_rows
from domain.actors import Actor, Provenance
from domain.bulk_rows import AnyRow
from domain.commands import RegisterOrg
from domain.ids import OrgId
from domain.orders import Order
from infra.wiring import Parts

REASON = "because batches are put to the test"
ROOT = Provenance(actor=Actor(id="root", type="super_admin"), reason=REASON)


def word(reason: str, ticket: str | None) -> Provenance:
    """A super admin's."""
    return Provenance(actor=ROOT.actor, reason=reason, ticket=ticket)


async def register(parts: Parts, orgs: Iterable[int]) -> None:
    """Make orgs known."""
    orders = [
        Order(
            org=OrgId(str(org)),
            commands=[RegisterOrg(name=f"Org {org}")],
            by=ROOT,
            presume_new=True,
        )
        for org in orgs
    ]
    await asyncio.gather(*map(parts.ledger.execute, orders))


def lines(rows: Iterable[dict[str, Any]]) -> bytes:
    """JSON Lines."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def read(rows: Sequence[dict[str, Any]]) -> list[AnyRow]:
    """Rows as HTTP and a shell read them."""
    return read_rows(lines(rows), form="jsonl", reason=REASON, ticket=None, word=word)


def grants(orgs: Iterable[int], key: str = "crm") -> list[AnyRow]:
    """A grant for each org."""
    return read([{"org": org, "command": "grant", "key": key} for org in orgs])


async def versions(parts: Parts, orgs: Iterable[int]) -> list[int]:
    """The version each org is at, by the log."""
    async with parts.ledger.reading() as connection:
        cursor = await connection.execute(
            "SELECT stream, max(version) FROM ledger.events GROUP BY stream"
        )
        found: dict[str, int] = dict(await cursor.fetchall())
    return [found[f"org-{org}"] for org in orgs]
