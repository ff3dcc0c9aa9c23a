"""What the ledger says of one org: a byte for every key; orgs of one catalog share the rest."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from entitlements_sdk.catalog import Catalog, module_of
from entitlements_sdk.instants import seconds_of, text_of
from entitlements_sdk.org_ids import org_id, org_json
from entitlements_sdk.verdict import (
    DENIED,
    DISABLED_BY,
    ENABLED,
    EXEMPT,
    TRIAL,
    UNKNOWN_KEY,
    UNKNOWN_ORG,
)

_CELLS = {"enabled": ENABLED, "trial": TRIAL}
_MODES = ("off", "shadow", "enforce")


@lru_cache(maxsize=8)
def _places(keys: tuple[str, ...]) -> dict[str, int]:
    """The place of each key in a row: one table for all orgs of one catalog."""
    return {key: place for place, key in enumerate(keys)}


class Snapshot:
    """An org at one version; its cells hold from `evaluated_at` up to, not including, `boundary`.

    Times are seconds since 1970 on the ledger's clock.
    """

    __slots__ = (
        "boundary",
        "catalog_version",
        "epoch",
        "etag",
        "evaluated_at",
        "mode",
        "modes",
        "org",
        "places",
        "position",
        "rollout_version",
        "row",
        "unknown",
        "version",
    )

    def __init__(
        self,
        org: str,
        *,
        version: int = 0,
        position: int = 0,
        epoch: int = 0,
        catalog_version: int = 0,
        rollout_version: int = 0,
        evaluated_at: float = 0.0,
        boundary: float | None = None,
        mode: str = "enforce",
        modes: Mapping[str, str] | None = None,
        places: dict[str, int] | None = None,
        row: bytes = b"",
        etag: str | None = None,
        unknown: bool = False,
    ) -> None:
        self.org = org
        self.version = version
        self.position = position
        self.epoch = epoch
        self.catalog_version = catalog_version
        self.rollout_version = rollout_version
        self.evaluated_at = evaluated_at
        self.boundary = boundary
        self.mode = mode
        self.modes = modes or None
        self.places = places if places is not None else {}
        self.row = row
        self.etag = etag
        self.unknown = unknown

    @classmethod
    def read(
        cls, document: Mapping[str, Any], *, catalog: Catalog, etag: str | None = None
    ) -> "Snapshot":
        """A snapshot as `GET /api/v1/orgs/{org}/snapshot` and the state topic have it.

        Args:
            document: the JSON object; fields that are not known are left alone.
            catalog: says which keys are never gated.
            etag: what to ask with next time.

        Raises:
            ValueError, KeyError, TypeError: it is not such a document.
        """
        states: Mapping[str, str] = document["states"]
        reasons: Mapping[str, str] = document["denied_by"]
        gating = document["gating"]
        if {gating["default"], *gating["modules"].values()} - set(_MODES):
            raise ValueError(f"gating {gating} names an unknown mode")
        boundary = document["next_boundary"]
        return cls(
            org_id(document["org_id"]),
            version=int(document["org_version"]),
            position=int(document["position"]),
            epoch=int(document["ledger_epoch"]),
            catalog_version=int(document["catalog_version"]),
            rollout_version=int(document["rollout_version"]),
            evaluated_at=seconds_of(document["evaluated_at"]),
            boundary=None if boundary is None else seconds_of(boundary),
            mode=gating["default"],
            modes=dict(gating["modules"]),
            places=_places(tuple(states)),
            row=bytes(
                _cell(state, reasons.get(key), exempt=key in catalog.exempt)
                for key, state in states.items()
            ),
            etag=etag,
        )

    @classmethod
    def of_nobody(cls, org: str, said: Mapping[str, Any], *, catalog: Catalog) -> "Snapshot":
        """An org that the ledger does not have.

        Args:
            said: what the ledger answered instead; the rollout holds for such an org, too.

        Raises:
            ValueError, TypeError: it is not the ledger that says so.
        """
        if said.get("code") != "unknown_org":
            raise ValueError("a 404 that is not the ledger's says nothing about an org")
        gating = said.get("gating") or {}
        evaluated_at = said.get("evaluated_at")
        return cls(
            org,
            unknown=True,
            catalog_version=int(said.get("catalog_version", catalog.version)),
            rollout_version=int(said.get("rollout_version", 0)),
            evaluated_at=0.0 if evaluated_at is None else seconds_of(evaluated_at),
            mode=gating.get("default", "enforce"),
            modes=dict(gating.get("modules") or {}),
            places=catalog.places,
            row=bytes(EXEMPT if key in catalog.exempt else UNKNOWN_ORG for key in catalog.places),
        )

    def cell(self, key: str) -> int:
        """What is so of one catalog key."""
        place = self.places.get(key)
        return UNKNOWN_KEY if place is None else self.row[place]

    def mode_of(self, key: str) -> str:
        """The rollout mode in which a key is gated."""
        if self.modes is None:
            return self.mode
        return self.modes.get(module_of(key), self.mode)

    def written(self) -> dict[str, Any]:
        """The document it was read from, so that it can be kept on disk."""
        keys = list(self.places)
        states = {key: _state(cell) for key, cell in zip(keys, self.row, strict=True)}
        return {
            "org_id": org_json(self.org),
            "org_version": self.version,
            "position": self.position,
            "ledger_epoch": self.epoch,
            "catalog_version": self.catalog_version,
            "rollout_version": self.rollout_version,
            "evaluated_at": text_of(self.evaluated_at),
            "next_boundary": None if self.boundary is None else text_of(self.boundary),
            "gating": {"default": self.mode, "modules": self.modes or {}},
            "states": states,
            "denied_by": {
                key: DISABLED_BY[cell - DENIED["not_granted"]]
                for key, cell in zip(keys, self.row, strict=True)
                if cell > TRIAL
            },
        }


def _cell(state: str, reason: str | None, *, exempt: bool) -> int:
    if state == "disabled":
        # A reason that a newer ledger invents is still a denial.
        return DENIED.get(reason or "", DENIED["not_granted"])
    return EXEMPT if exempt else _CELLS[state]


def _state(cell: int) -> str:
    return ("enabled", "enabled", "trial")[cell] if cell <= TRIAL else "disabled"
