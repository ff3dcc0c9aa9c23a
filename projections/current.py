"""The current entitlements: one row per org, written with every append, byte for byte a fold."""

from collections.abc import Callable, Iterable
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar

from pydantic_core import from_json

from domain.catalog import Key
from domain.ids import OrgId, org_stream
from domain.instants import from_iso
from domain.json_text import json_text, json_texts, template
from domain.lanes import Block, Grant, UsedTrial
from domain.org import NEVER, Org

_RARE = ("ends_before", "cancelled_end")  # written only where there is something to write

E = TypeVar("E", Grant, Block, UsedTrial)

_MEMBERS = frozenset(("name", "decided_at", "grants", "blocks", "used_trials", "ticked", "wake_at"))


def written(org: Org) -> bytes:
    """What an org's facts add up to, as JSON: the same state always gives the same bytes."""
    trials = (f"{json_text(key)}:{_row(used)}" for key, used in sorted(org.used_trials.items()))
    members = (
        f'"name":{json_text(org.name)}',
        f'"decided_at":{json_text(org.modified_on)}',
        f'"grants":[{",".join(map(_row, org.grants.values()))}]',
        f'"blocks":[{",".join(map(_row, org.blocks.values()))}]',
        f'"used_trials":{{{",".join(trials)}}}',
        f'"ticked":{json_text(org.ticked)}',
        f'"wake_at":{json_text(org.wake_at)}',  # never move: it is read from the end
    )
    return f"{{{','.join(members)}}}".encode()


def read(org_id: OrgId, *, version: int, state: bytes, position: int = 0) -> Org:
    """The org at `version` whose state `written` wrote.

    What a newer version keeps there is left out of it, and holds the org: writing the rest back
    would lose it.
    """
    kept = from_json(state, cache_strings="keys")
    org = Org.blank(org_stream(org_id))
    newer = kept.keys() - _MEMBERS
    org.restore(
        name=kept["name"],
        grants=_by_id(_entry(Grant, row, newer) for row in kept["grants"]),
        blocks=_by_id(_entry(Block, row, newer) for row in kept["blocks"]),
        used_trials={
            Key(key): _entry(UsedTrial, row, newer) for key, row in kept["used_trials"].items()
        },
        **_ticked(kept),
    )
    if newer:
        org.held_by = f"the field '{min(newer)}' of its state"
    org.version, org.position = version, position
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
    copy.version, copy.modified_on, copy.position = org.version, org.modified_on, org.position
    if org.held_by is not None:
        copy.held_by = org.held_by
    return copy


def _row(entry: Grant | Block | UsedTrial) -> str:
    form, values = _FORMS[type(entry)]
    row = form % json_texts(values(entry))
    rare = [
        f'"{name}":{json_text(value)}' for name in _RARE if (value := getattr(entry, name, None))
    ]
    return f"{row[:-1]},{','.join(rare)}}}" if rare else row


def _form(kind: type[Grant | Block | UsedTrial]) -> tuple[str, Callable[[Any], tuple[Any, ...]]]:
    """A row with a gap for each value, and what takes the values from an entry."""
    names = [name for name in kind._fields if name not in _RARE]
    return template(names), attrgetter(*names)


_FORMS = {kind: _form(kind) for kind in (Grant, Block, UsedTrial)}
_NAMES = {kind: frozenset(kind._fields) for kind in _FORMS}


def _entry(kind: type[E], row: dict[str, Any], newer: set[str]) -> E:
    """An entry of a lane; fields that only a newer version knows are added to `newer`."""
    known = _NAMES[kind]
    if not row.keys() <= known:
        newer |= row.keys() - known
        row = {name: row[name] for name in row.keys() & known}
    return kind(**_instants(row))


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


def _read(text: str | None) -> datetime | None:
    return from_iso(text) if text is not None else None


def _by_id(entries: Iterable[Any]) -> dict[str, Any]:
    return {entry.id: entry for entry in entries}
