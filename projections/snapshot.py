"""The snapshot of one org: every effective state until it may change by itself.

The same document is the answer of a route and, with three more fields, a record on Kafka.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from domain.catalog import Catalog, Key
from domain.decision import REASONS, STATUSES, Gating
from domain.effective import Lanes
from domain.gating import Mode
from domain.ids import OrgId, org_json
from domain.instants import iso
from domain.json_text import json_text, json_texts, template
from domain.org import Org
from domain.rows import Columns

_HEAD = template(
    (
        "org_id",
        "org_version",
        "position",
        "ledger_epoch",
        "catalog_version",
        "rollout_version",
        "evaluated_at",
        "next_boundary",
        "gating",
    )
)
_MOST_READY = 512  # rows of which the text is kept, ten kilobytes each
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
    if gating.uniform is not None:
        return {"default": gating.uniform, "modules": {}}
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
        self._names = [json_text(key) for key in self._columns.keys]
        self._states = [
            [f"{name}:{json_text(status)}" for status in STATUSES] for name in self._names
        ]
        self._ready: dict[bytes, str] = {}
        self._known: dict[tuple[bytes, bytes], list[Key]] = {}

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

    def written(
        self, org: Org, *, position: int, epoch: int, at: datetime, more: Mapping[str, Any]
    ) -> bytes:
        """The same document with `more` at its end, as JSON.

        Orgs by the thousand are published one after another, so what is in a row is put together
        of ready pieces.
        """
        lanes = org.lanes
        row = self._columns.row(lanes, at)
        boundary = lanes.next_boundary(after=at)
        head = (
            org_json(org.org_id),
            org.version,
            position,
            epoch,
            self.catalog.version,
            self._gating.version,
            at,
            boundary,
            gating_of(org.org_id, self._columns, self._gating),
        )
        start = (_HEAD % json_texts(head))[:-1]
        return f"{start},{self._pieces(row)},{json_text(more)[1:]}".encode()

    def changed(self, before: Lanes, now: Lanes, at: datetime) -> list[Key]:
        """The keys whose effective states at `at` are not the same in both."""
        columns = self._columns
        was, is_now = columns.row(before, at), columns.row(now, at)
        return self._differing(was, is_now) if was != is_now else []

    @property
    def keys(self) -> Sequence[Key]:
        """Every key, in the catalog's order."""
        return self._columns.keys

    def _differing(self, was: bytes, is_now: bytes) -> list[Key]:
        found = self._known.get((was, is_now))
        if found is None:
            found = [
                key
                for key, old, new in zip(self._columns.keys, was, is_now, strict=True)
                if STATUSES[old] != STATUSES[new]
            ]
            if len(self._known) >= _MOST_READY:
                self._known.clear()
            self._known[was, is_now] = found
        return found

    def _pieces(self, row: bytes) -> str:
        found = self._ready.get(row)
        if found is None:
            states = ",".join([piece[cell] for piece, cell in zip(self._states, row, strict=True)])
            denied = [
                f"{name}:{json_text(reason)}"
                for name, cell in zip(self._names, row, strict=True)
                if (reason := REASONS[cell]) is not None
            ]
            found = f'"states":{{{states}}},"denied_by":{{{",".join(denied)}}}'
            if len(self._ready) >= _MOST_READY:
                self._ready.clear()
            self._ready[row] = found
        return found
