"""The current entitlements: one row per org, written with every append, byte for byte a fold."""

import json
from collections.abc import Callable, Iterable
from dataclasses import fields
from operator import attrgetter
from typing import Any, TypeVar

from domain.catalog import Key
from domain.ids import OrgId, org_stream
from domain.instants import from_iso
from domain.json_text import json_text, json_texts, template
from domain.lanes import Block, Grant, UsedTrial
from domain.org import Org

E = TypeVar("E", Grant, Block, UsedTrial)

_MEMBERS = frozenset(("name", "decided_at", "grants", "blocks", "used_trials"))


def written(org: Org) -> bytes:
    """What an org's facts add up to, as JSON: the same state always gives the same bytes."""
    trials = (f"{json_text(key)}:{_row(used)}" for key, used in sorted(org.used_trials.items()))
    members = (
        f'"name":{json_text(org.name)}',
        f'"decided_at":{json_text(org.modified_on)}',
        f'"grants":[{",".join(map(_row, org.grants.values()))}]',
        f'"blocks":[{",".join(map(_row, org.blocks.values()))}]',
        f'"used_trials":{{{",".join(trials)}}}',
    )
    return f"{{{','.join(members)}}}".encode()


def read(org_id: OrgId, *, version: int, state: bytes) -> Org:
    """The org at `version` whose state `written` wrote.

    What a newer version keeps there is left out of it, and holds the org: writing the rest back
    would lose it.
    """
    kept = json.loads(state)
    org = Org.blank(org_stream(org_id))
    newer = kept.keys() - _MEMBERS
    org.restore(
        name=kept["name"],
        grants=_by_id(_entry(Grant, row, newer) for row in kept["grants"]),
        blocks=_by_id(_entry(Block, row, newer) for row in kept["blocks"]),
        used_trials={
            Key(key): _entry(UsedTrial, row, newer) for key, row in kept["used_trials"].items()
        },
    )
    if newer:
        org.held_by = f"the field '{min(newer)}' of its state"
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
    if org.held_by is not None:
        copy.held_by = org.held_by
    return copy


def _row(entry: Grant | Block | UsedTrial) -> str:
    form, values = _FORMS[type(entry)]
    return form % json_texts(values(entry))


def _form(kind: type[Grant | Block | UsedTrial]) -> tuple[str, Callable[[Any], tuple[Any, ...]]]:
    """A row with a gap for each value, and what takes the values from an entry."""
    names = [field.name for field in fields(kind)]
    return template(names), attrgetter(*names)


_FORMS = {kind: _form(kind) for kind in (Grant, Block, UsedTrial)}
_NAMES = {kind: frozenset(field.name for field in fields(kind)) for kind in _FORMS}


def _entry(kind: type[E], row: dict[str, Any], newer: set[str]) -> E:
    """An entry of a lane; fields that only a newer version knows are added to `newer`."""
    known = _NAMES[kind]
    if not row.keys() <= known:
        newer |= row.keys() - known
        row = {name: row[name] for name in row.keys() & known}
    return kind(**_instants(row))


def _instants(row: dict[str, Any]) -> dict[str, Any]:
    row["starts"] = from_iso(row["starts"])
    if row["ends"] is not None:
        row["ends"] = from_iso(row["ends"])
    return row


def _by_id(entries: Iterable[Any]) -> dict[str, Any]:
    return {entry.id: entry for entry in entries}
