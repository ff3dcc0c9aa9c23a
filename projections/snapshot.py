"""The snapshot of one org: every effective state until it may change by itself.

The same document is the answer of a route and, with three more fields, a record on Kafka.
"""

from datetime import datetime
from typing import Any

from domain.catalog import Catalog, Key
from domain.decision import REASONS, STATUSES, Gating
from domain.effective import Lanes
from domain.gating import Mode
from domain.ids import OrgId, org_json
from domain.instants import iso
from domain.org import Org
from domain.rows import Columns

MODES: tuple[Mode, ...] = ("enforce", "shadow", "off")


def snapshot(
    org: OrgId,
    row: bytes,
    columns: Columns,
    gating: Gating,
    *,
    org_version: int,
    position: int,
    ledger_epoch: int,
    evaluated_at: str,
    next_boundary: str | None,
) -> dict[str, Any]:
    """Everything that decisions about one org need; not to be used at or after `next_boundary`."""
    return {
        "org_id": org_json(org),
        "org_version": org_version,
        "position": position,
        "ledger_epoch": ledger_epoch,
        "catalog_version": columns.catalog.version,
        "rollout_version": gating.version,
        "evaluated_at": evaluated_at,
        "next_boundary": next_boundary,
        "gating": gating_of(org, columns, gating),
        "states": {key: STATUSES[cell] for key, cell in zip(columns.keys, row, strict=True)},
        "denied_by": {
            key: REASONS[cell]
            for key, cell in zip(columns.keys, row, strict=True)
            if REASONS[cell] is not None
        },
    }


def gating_of(org: OrgId, columns: Columns, gating: Gating) -> dict[str, Any]:
    """The rollout's mode for most modules, and by module where it differs."""
    modes = {key: gating(org, key) for key in columns.modules}
    default = max(MODES, key=lambda mode: list(modes.values()).count(mode))
    return {
        "default": default,
        "modules": {key: mode for key, mode in modes.items() if mode != default},
    }


class Snapshots:
    """Renders snapshots by one catalog and one state of the rollout."""

    def __init__(self, catalog: Catalog, gating: Gating) -> None:
        self.catalog = catalog
        self._columns = Columns(catalog)
        self._gating = gating

    def document(self, org: Org, *, position: int, epoch: int, at: datetime) -> dict[str, Any]:
        """The snapshot of `org` at `at`; not to be used at or after its `next_boundary`."""
        lanes = org.lanes
        boundary = lanes.next_boundary(after=at)
        return snapshot(
            org.org_id,
            self._columns.row(lanes, at),
            self._columns,
            self._gating,
            org_version=org.version,
            position=position,
            ledger_epoch=epoch,
            evaluated_at=iso(at),
            next_boundary=iso(boundary) if boundary is not None else None,
        )

    def states(self, lanes: Lanes, at: datetime) -> dict[Key, str]:
        """The effective state of every key, in the catalog's order."""
        row = self._columns.row(lanes, at)
        return {key: STATUSES[cell] for key, cell in zip(self._columns.keys, row, strict=True)}
