"""An org's entitlements at an instant as one row of bytes, a cell for every key of the catalog.

A row is exact from the instant it was made for up to the org's next boundary. Where nothing was
granted or blocked the row is the catalog's blank one, so only what an org has costs time.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cached_property
from operator import itemgetter
from typing import Any, NamedTuple

from domain.catalog import Catalog, Key, Module, is_submodule, module_of
from domain.decision import DENIED, ENABLED, EXEMPT, TRIAL, UNKNOWN_ORG
from domain.effective import Effective, Lanes, denied_by, effective, inactive_by
from domain.lanes import Block

_NOT_GRANTED, _BLOCKED, _PARENT = (
    DENIED["not_granted"],
    DENIED["blocked"],
    DENIED["parent_disabled"],
)
_MOST_ASKED = 1_024
_OF_STATE = {Effective.TRIAL: TRIAL, Effective.ENABLED: ENABLED}


def cell_of(lanes: Lanes, catalog: Catalog, key: Key, at: datetime) -> int:
    """What the entitlements say of one catalog key; rows must say the same."""
    reason = denied_by(lanes, catalog, key, at)
    if reason is not None:
        return DENIED[reason]
    if catalog.module(key).exempt:
        return EXEMPT
    return _OF_STATE[effective(lanes, catalog, key, at)]


class Places(NamedTuple):
    """Where some keys stand in every row: their places as texts, and what picks their cells."""

    names: tuple[str, ...]
    of: Callable[[bytes], Sequence[int]]


class Columns:
    """The places that a catalog's keys have in a row, and the rows of orgs without grants."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.keys = tuple(catalog.walk())
        self.place_of: dict[str, int] = {key: place for place, key in enumerate(self.keys)}
        self.modules = {module.key: _Span(module, self.place_of) for module in catalog.modules}
        self.rendered: dict[str, Any] = {}  # what was made of the catalog
        self.module_at = tuple(module_of(key) for key in self.keys)
        self._asked: dict[tuple[str, ...], Places] = {}

    @cached_property
    def blank(self) -> bytes:
        """The row of an org that was granted nothing."""
        return b"".join(span.blank for span in self.modules.values())

    @cached_property
    def blocked(self) -> bytes:
        """The row of an org that is blocked as a whole."""
        return b"".join(span.blocked for span in self.modules.values())

    @cached_property
    def unknown(self) -> bytes:
        """The row of an org that is not registered."""
        return bytes(cell if cell == EXEMPT else UNKNOWN_ORG for cell in self.blank)

    def places(self, keys: tuple[str, ...]) -> Places | None:
        """Where keys stand, None unless all are keys as the catalog spells them.

        The same few are asked for again and again, so what was found is kept.
        """
        found = self._asked.get(keys)
        if found is None:
            places = [self.place_of[key] for key in keys if key in self.place_of]
            if len(places) < len(keys):
                return None
            if len(self._asked) >= _MOST_ASKED:
                self._asked.clear()
            found = self._asked[keys] = Places(tuple(map(str, places)), _picking(places))
        return found

    def row(self, lanes: Lanes, at: datetime) -> bytes:
        """The cells of one org at an instant."""
        blocks = [block for block in lanes.blocks if block.active(at)]
        if any(block.scope == "org" for block in blocks):
            return self.blocked
        row = bytearray(self.blank)
        for key in lanes.grants:
            span = self.modules.get(key)
            if span is not None and span.gated:
                row[span.start : span.stop] = self._module(lanes, span, at)
        self._submodules(lanes, row, at)
        self._block(blocks, row)
        return bytes(row)

    def _module(self, lanes: Lanes, span: "_Span", at: datetime) -> bytes:
        state = lanes.own(span.key, at)
        if state is Effective.DISABLED:
            reason = inactive_by(lanes.grants[span.key], at)
            return bytes((DENIED[reason],)) + span.blank[1:]
        return span.trial if state is Effective.TRIAL else span.enabled

    def _submodules(self, lanes: Lanes, row: bytearray, at: datetime) -> None:
        """Submodules that need a grant of their own, where their modules are not disabled."""
        for key, grants in lanes.grants.items():
            place = self.place_of.get(key) if is_submodule(key) else None
            if place is None or row[place] != _NOT_GRANTED or not self.catalog.in_use(key):
                continue
            own = lanes.own(key, at)
            if own is Effective.DISABLED:
                row[place] = DENIED[inactive_by(grants, at)]
            else:
                module = row[self.place_of[module_of(key)]]
                row[place] = TRIAL if own is Effective.TRIAL else module

    def _block(self, blocks: Iterable[Block], row: bytearray) -> None:
        for block in blocks:
            span = self.modules.get(module_of(block.key)) if block.key is not None else None
            if span is None or not span.gated or block.key is None:
                continue
            if block.key == span.key:
                row[span.start : span.stop] = span.blocked
            elif block.key in self.place_of:
                place = self.place_of[block.key]
                row[place] = span.blocked[place - span.start]


def _picking(places: Sequence[int]) -> Callable[[bytes], Sequence[int]]:
    if len(places) != 1:
        return itemgetter(*places)
    [only] = places
    return lambda cells: (cells[only],)  # one by itself comes out without a tuple


class _Span:
    """The cells of one module and its submodules, in each state the module can be in."""

    def __init__(self, module: Module, place_of: dict[str, int]) -> None:
        self.key = module.key
        self.start = place_of[module.key]
        self.stop = self.start + 1 + len(module.submodules)
        self.gated = module.is_active and not module.exempt
        self._module = module
        self.blank = self._cells(_NOT_GRANTED, on=_PARENT, off=_PARENT)
        self.blocked = self._cells(_BLOCKED, on=_BLOCKED, off=_BLOCKED)
        self.trial = self._cells(TRIAL, on=TRIAL, off=_NOT_GRANTED)
        self.enabled = self._cells(ENABLED, on=ENABLED, off=_NOT_GRANTED)

    def _cells(self, own: int, *, on: int, off: int) -> bytes:
        module = self._module
        if not module.is_active:
            return bytes([_NOT_GRANTED] * (1 + len(module.submodules)))
        cells = [EXEMPT if module.exempt else own]
        for sub in module.submodules:
            if not sub.is_active:
                cells.append(_NOT_GRANTED)
            elif module.exempt:
                cells.append(EXEMPT)
            else:
                cells.append(on if sub.on_by_default else off)
        return bytes(cells)
