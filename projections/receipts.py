"""Who has applied which version of an org, as subscribers report it, and who is behind."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from psycopg import AsyncConnection

from domain.ids import OrgId

_PROPAGATION = """
    SELECT h.epoch, c.org_version,
           (SELECT r.republished IS NULL AND r.position >= c.position FROM ledger.relay r),
           s.name, t.epoch, t.org_version, coalesce(t.reported_at, s.reported_at)
      FROM ledger.head h
      JOIN ledger.current_entitlements c ON c.org = %(org)s
      LEFT JOIN ledger.subscribers s ON true
      LEFT JOIN ledger.receipts t ON t.org = c.org AND t.subscriber = s.name
     ORDER BY s.name
"""


class Receipt(NamedTuple):
    """What one subscriber has reported of an org; without a version, of others only."""

    subscriber: str
    epoch: int | None
    version: int | None
    reported_at: datetime


class Propagation(NamedTuple):
    """How far an org's state has come; `published` is None where no relay to Kafka ever ran."""

    epoch: int
    version: int
    published: bool | None
    receipts: list[Receipt]

    def behind(self, version: int) -> list[str]:
        """The subscribers that have not reported `version` of this epoch, or a newer one."""
        wanted = (self.epoch, version)
        return [r.subscriber for r in self.receipts if (r.epoch or 0, r.version or 0) < wanted]


async def note_receipts(
    connection: AsyncConnection, subscriber: str, *, epoch: int, versions: Mapping[OrgId, int]
) -> int:
    """Note what a subscriber has applied; how many of the orgs there are."""
    cursor = await connection.execute(
        "SELECT ledger.note_receipts(%s, %s, %s, %s)",
        (subscriber, epoch, list(versions), list(versions.values())),
    )
    row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def propagation_of(connection: AsyncConnection, org: OrgId) -> Propagation | None:
    """How far an org has come, None where there is none."""
    cursor = await connection.execute(_PROPAGATION, {"org": org})
    rows = await cursor.fetchall()
    if not rows:
        return None
    epoch, version, published = rows[0][:3]
    receipts = [Receipt(*row[3:]) for row in rows if row[3] is not None]
    return Propagation(epoch, version, published, receipts)
