"""The current entitlements: one row per org, written with every append, byte for byte a fold."""

import json
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from domain.catalog import Key
from domain.ids import OrgId, org_stream
from domain.instants import from_iso, iso
from domain.lanes import Block, Grant, UsedTrial
from domain.org import Org


def written(org: Org) -> bytes:
    """What an org's facts add up to, as JSON: the same state always gives the same bytes."""
    state = {
        "name": org.name,
        "decided_at": iso(org.modified_on),
        "grants": [_row(grant) for grant in org.grants.values()],
        "blocks": [_row(block) for block in org.blocks.values()],
        "used_trials": {key: _row(trial) for key, trial in sorted(org.used_trials.items())},
    }
    return _encoded(state).encode()


def read(org_id: OrgId, *, version: int, state: bytes) -> Org:
    """The org at `version` whose state `written` wrote."""
    kept = json.loads(state)
    org = Org.blank(org_stream(org_id))
    org.restore(
        name=kept["name"],
        grants=_by_id(Grant(**_instants(row)) for row in kept["grants"]),
        blocks=_by_id(Block(**_instants(row)) for row in kept["blocks"]),
        used_trials={
            Key(key): UsedTrial(**_instants(row)) for key, row in kept["used_trials"].items()
        },
    )
    org.version = version
    org.modified_on = from_iso(kept["decided_at"])
    return org


def copied(org: Org) -> Org:
    """An org that may move on while `org` stays as it is."""
    copy = Org.blank(org.id)
    copy.restore(
        name=org.name,
        grants=dict(org.grants),
        blocks=dict(org.blocks),
        used_trials=dict(org.used_trials),
    )
    copy.version, copy.modified_on = org.version, org.modified_on
    return copy


_NAMES: dict[type, tuple[str, ...]] = {
    kind: tuple(field.name for field in fields(kind)) for kind in (Grant, Block, UsedTrial)
}
_encoded = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _row(entry: Grant | Block | UsedTrial) -> dict[str, Any]:
    row = {name: getattr(entry, name) for name in _NAMES[type(entry)]}
    row["starts"] = iso(entry.starts)
    row["ends"] = iso(entry.ends) if entry.ends is not None else None
    return row


def _instants(row: dict[str, Any]) -> dict[str, Any]:
    row["starts"] = from_iso(row["starts"])
    if row["ends"] is not None:
        row["ends"] = from_iso(row["ends"])
    return row


def _by_id(entries: Iterable[Any]) -> dict[str, Any]:
    return {entry.id: entry for entry in entries}
