"""One org at a point in both times, for the command line."""

from dataclasses import dataclass
from datetime import datetime

from domain.catalog import Catalog
from domain.history import History
from domain.ids import OrgId
from domain.instants import aware, iso
from infra.histories import Histories
from infra.wiring import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """An org's history as known at `known_at`, and the catalog to judge it by at `at`."""

    history: History
    catalog: Catalog
    at: datetime
    known_at: datetime

    @property
    def notes(self) -> list[str]:
        """What a reader must know of the point in time, in sentences."""
        found = [f"As of {iso(self.at)}, by what had been recorded at {iso(self.known_at)}."]
        first = self.history.recorded[0].recorded_at
        if self.at < first:
            found.append(
                f"The ledger first recorded something about it at {iso(first)}: "
                "what is said of the time before was told afterwards, as an import does."
            )
        return found


async def moment(
    parts: Parts, org: OrgId, *, at: datetime | None, known_at: datetime | None
) -> Moment:
    """The org at a point in time; absent instants mean now.

    Raises:
        UnknownOrg: the ledger knew no such org then.
        NaiveTimestamp: an instant has no time zone.
    """
    now = parts.clock.now()
    effective = now if at is None else aware(at, field="at")
    known = now if known_at is None else min(aware(known_at, field="known_at"), now)
    histories = Histories(parts.ledger.reading)
    return Moment(
        history=await histories.of(org, known_at=None if known_at is None else known),
        catalog=await histories.catalog_at(min(effective, known)),
        at=effective,
        known_at=known,
    )
