"""The snapshot of one org: every effective state until it may change by itself.

The same document is the answer of a route and, with three more fields, a record on Kafka.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.catalog import Catalog, Key, module_of
from domain.effective import Effective, Lanes, denied_by, effective_map
from domain.ids import org_json
from domain.instants import BEGINNING, iso
from domain.org import Org

_LABELS = tuple(state.label for state in Effective)  # by value; the property costs more than all
ENFORCED: Mapping[str, Any] = {"default": "enforce", "modules": {}}


class Snapshots:
    """Renders snapshots by one catalog; what no org was granted is worked out once."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        nothing = Lanes.of((), ())
        at = BEGINNING
        states = effective_map(nothing, catalog, at)
        self._states = {key: _LABELS[state] for key, state in states.items()}
        self._denied = {
            key: denied_by(nothing, catalog, key, at)
            for key, state in states.items()
            if state is Effective.DISABLED
        }

    def document(
        self,
        org: Org,
        *,
        position: int,
        epoch: int,
        at: datetime,
        gating: Mapping[str, Any] = ENFORCED,
        rollout_version: int = 0,
    ) -> dict[str, Any]:
        """The snapshot of `org` at `at`; not to be used at or after its `next_boundary`."""
        lanes = org.lanes
        boundary = lanes.next_boundary(after=at)
        states, denied = self._judged(lanes, at)
        return {
            "org_id": org_json(org.org_id),
            "org_version": org.version,
            "position": position,
            "ledger_epoch": epoch,
            "catalog_version": self.catalog.version,
            "rollout_version": rollout_version,
            "evaluated_at": iso(at),
            "next_boundary": iso(boundary) if boundary is not None else None,
            "gating": gating,
            "states": states,
            "denied_by": denied,
        }

    def states(self, lanes: Lanes, at: datetime) -> dict[Key, str]:
        """The effective state of every key, in the catalog's order."""
        found = effective_map(lanes, self.catalog, at, modules=self._touched(lanes))
        return self._states | {key: _LABELS[state] for key, state in found.items()}

    def _judged(self, lanes: Lanes, at: datetime) -> tuple[dict[Key, str], dict[Key, str | None]]:
        touched = self._touched(lanes)
        found = effective_map(lanes, self.catalog, at, modules=touched)
        denied = {k: why for k, why in self._denied.items() if k not in found}
        denied |= {
            key: denied_by(lanes, self.catalog, key, at)
            for key, state in found.items()
            if state is Effective.DISABLED
        }
        states = self._states | {key: _LABELS[state] for key, state in found.items()}
        return states, denied

    def _touched(self, lanes: Lanes) -> set[Key]:
        """The modules of which anything was ever granted or blocked."""
        if any(block.scope == "org" for block in lanes.blocks):
            return set(self.catalog.by_key)
        keys = {*lanes.grants, *(block.key for block in lanes.blocks if block.key is not None)}
        return {module_of(key) for key in keys}
