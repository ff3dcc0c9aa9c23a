"""The current entitlements: one row per org, written with every append, byte for byte a fold."""

import json
from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from typing import Any

from domain.catalog import Key
from domain.ids import OrgId, org_stream
from domain.instants import from_iso, iso
from domain.lanes import Block, Grant, UsedTrial
from domain.org import NEVER, Org

_RARE = ("ends_before", "cancelled_end")  # written only where there is something to write
_ALWAYS = {
    kind: tuple(field.name for field in fields(kind) if field.name not in _RARE)
    for kind in (Grant, Block, UsedTrial)
}


def written(org: Org) -> bytes:
    """What an org's facts add up to, as JSON: the same state always gives the same bytes."""
    state = {
        "name": org.name,
        "decided_at": iso(org.modified_on),
        "grants": [_row(grant) for grant in org.grants.values()],
        "blocks": [_row(block) for block in org.blocks.values()],
        "used_trials": {key: _row(trial) for key, trial in sorted(org.used_trials.items())},
        "ticked": iso(org.ticked),
        "wake_at": iso(wake) if (wake := org.wake_at) else None,  # never move: read from the end
    }
    return json.dumps(state, separators=(",", ":"), ensure_ascii=False).encode()


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
        **_ticked(kept),
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
        ticked=org.ticked,
        quiet_until=org.quiet_until,
    )
    copy.version, copy.modified_on = org.version, org.modified_on
    return copy


def _row(entry: Grant | Block | UsedTrial) -> dict[str, Any]:
    row = {name: getattr(entry, name) for name in _ALWAYS[type(entry)]}
    row["starts"] = iso(entry.starts)
    row["ends"] = _written(entry.ends)
    if isinstance(entry, Grant) and entry.ends_before:
        row["ends_before"] = [[_written(at), by] for at, by in entry.ends_before]
    if not isinstance(entry, UsedTrial) and entry.cancelled_end is not None:
        row["cancelled_end"] = iso(entry.cancelled_end)
    return row


def _instants(row: dict[str, Any]) -> dict[str, Any]:
    row["starts"] = from_iso(row["starts"])
    row["ends"] = _read(row["ends"])
    if "ends_before" in row:
        row["ends_before"] = tuple((_read(at), by) for at, by in row["ends_before"])
    if "cancelled_end" in row:
        row["cancelled_end"] = from_iso(row["cancelled_end"])
    return row


def _ticked(kept: dict[str, Any]) -> dict[str, datetime]:
    """Rows of the first version do not have it; until they are rebuilt, this is near enough."""
    ticked = from_iso(kept.get("ticked", kept["decided_at"]))
    if "wake_at" not in kept:
        return {"ticked": ticked, "quiet_until": ticked}
    return {"ticked": ticked, "quiet_until": _read(kept["wake_at"]) or NEVER}


def _written(instant: datetime | None) -> str | None:
    return iso(instant) if instant is not None else None


def _read(text: str | None) -> datetime | None:
    return from_iso(text) if text is not None else None


def _by_id(entries: Iterable[Any]) -> dict[str, Any]:
    return {entry.id: entry for entry in entries}
