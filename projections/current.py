"""The current entitlements: one row per org, written with every append, byte for byte a fold."""

import json
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any

from domain.catalog import Key
from domain.ids import OrgId, org_stream
from domain.instants import from_iso
from domain.json_text import json_text, json_texts, template
from domain.lanes import Block, Grant, UsedTrial
from domain.org import Org


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


def _row(entry: Grant | Block | UsedTrial) -> str:
    form, values = _form(type(entry))
    return form % json_texts(values(entry))


@cache
def _form(kind: type[Grant | Block | UsedTrial]) -> tuple[str, Callable[[Any], tuple[Any, ...]]]:
    """A row with a gap for each value, and what takes the values from an entry."""
    names = [field.name for field in fields(kind)]
    return template(names), attrgetter(*names)


def _instants(row: dict[str, Any]) -> dict[str, Any]:
    row["starts"] = from_iso(row["starts"])
    if row["ends"] is not None:
        row["ends"] = from_iso(row["ends"])
    return row


def _by_id(entries: Iterable[Any]) -> dict[str, Any]:
    return {entry.id: entry for entry in entries}
