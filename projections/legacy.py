"""The legacy column `enabled_modules`: `{UPPER_KEY: bool}`, right at every instant by itself."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime

from domain.catalog import Catalog, Key
from domain.effective import Effective
from domain.instants import iso
from domain.lanes import Block, Grant
from domain.org import Org

Span = tuple[datetime, datetime | None]


def enabled_modules(catalog: Catalog, states: Mapping[Key, Effective]) -> dict[str, bool]:
    """The legacy view of effective states: every billable module, and `USERS`, always on."""
    view = {m.key.upper(): states[m.key] is not Effective.DISABLED for m in catalog.billable}
    return view | {"USERS": True}


def written(org: Org) -> str:
    """The row behind the SQL function `ledger.enabled_modules`: when each module is granted.

    A pure fold of the org's facts, whatever the catalog or the time:
    `{KEY: [[from, until or null], ...]}` with blocked stretches cut out.
    """
    row: dict[str, list[list[str | None]]] = {}
    for key, grants in sorted(_by_module(org.grants.values()).items()):
        spans = granted_spans(grants, _blocks_over(org, key))
        if spans:
            row[key.upper()] = [[iso(a), iso(b) if b else None] for a, b in spans]
    return _encoded(row)


def granted_spans(grants: list[Grant], blocks: list[Block]) -> list[Span]:
    """The half-open stretches in which a grant is active and no block is, joined and in order."""
    if len(grants) == 1 and not blocks:  # as nearly every module of nearly every org has it
        (only,) = grants
        never = only.ends is not None and only.ends <= only.starts
        return [] if never else [(only.starts, only.ends)]
    lanes: list[Grant | Block] = [*grants, *blocks]
    edges = {entry.starts for entry in lanes}
    edges |= {entry.ends for entry in lanes if entry.ends is not None}
    spans: list[Span] = []
    ordered = sorted(edges)
    for at, until in zip(ordered, [*ordered, None][1:], strict=True):
        on = any(grant.active(at) for grant in grants) and not any(b.active(at) for b in blocks)
        if not on:
            continue
        if spans and spans[-1][1] == at:
            spans[-1] = (spans[-1][0], until)
        else:
            spans.append((at, until))
    return spans


def _by_module(grants: Iterable[Grant]) -> dict[Key, list[Grant]]:
    found: dict[Key, list[Grant]] = {}
    for grant in grants:
        if "." not in grant.key:
            found.setdefault(grant.key, []).append(grant)
    return found


def _blocks_over(org: Org, module: Key) -> list[Block]:
    return [
        block
        for block in org.blocks.values()
        if block.scope == "org" or (block.scope == "module" and block.key == module)
    ]


_encoded = json.JSONEncoder(separators=(",", ":")).encode
