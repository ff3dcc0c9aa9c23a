"""Effective state: a pure function of an org's lanes, the catalog and an instant.

    own(key)       enabled by an active full grant, else trial by an active trial, else disabled
    effective(m)   disabled under a block, else own(m)
    effective(m.s) disabled under a block or with its module, else effective(m),
                   or min(effective(m), own(m.s)) where the submodule's default is off

Exempt modules are always enabled, retired ones always disabled. No timer is needed for any of
this to be right. Source: `semantics.md`, "Two lanes".
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from domain.catalog import Catalog, Key, is_submodule, module_of
from domain.lanes import Block, Grant


class Effective(IntEnum):
    """Ordered: disabled < trial < enabled."""

    DISABLED = 0
    TRIAL = 1
    ENABLED = 2

    @property
    def label(self) -> str:
        """As it stands in JSON."""
        return self.name.lower()


@dataclass(frozen=True)
class Lanes:
    """The grants and blocks of one org, arranged by key for asking."""

    grants: dict[Key, tuple[Grant, ...]]
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, grants: Iterable[Grant], blocks: Iterable[Block]) -> "Lanes":
        by_key: dict[Key, list[Grant]] = {}
        for grant in grants:
            by_key.setdefault(grant.key, []).append(grant)
        return cls({key: tuple(found) for key, found in by_key.items()}, tuple(blocks))

    def own(self, key: Key, at: datetime) -> Effective:
        """What the grants of `key` itself say."""
        best = Effective.DISABLED
        for grant in self.grants.get(key, ()):
            if grant.active(at):
                if grant.kind == "full":
                    return Effective.ENABLED
                best = Effective.TRIAL
        return best

    def block_on(self, key: Key, at: datetime) -> Block | None:
        """The block that stands over `key`, the widest first."""
        found = [block for block in self.blocks if block.active(at) and block.concerns(key)]
        return min(found, key=lambda block: (len(block.key or ""), block.id), default=None)

    def instants(self) -> Iterator[datetime]:
        """Every instant at which something begins or ends, in no order."""
        for grants in self.grants.values():
            for grant in grants:
                yield grant.starts
                if grant.ends is not None:
                    yield grant.ends
        for block in self.blocks:
            yield block.starts
            if block.ends is not None:
                yield block.ends

    def boundaries(self, *, after: datetime) -> list[datetime]:
        """The instants after `after` at which effective state may change by itself, ascending."""
        return sorted({instant for instant in self.instants() if instant > after})

    def next_boundary(self, *, after: datetime) -> datetime | None:
        """The first of `boundaries`, None when nothing will change by itself."""
        return min((instant for instant in self.instants() if instant > after), default=None)


def effective(lanes: Lanes, catalog: Catalog, key: Key, at: datetime) -> Effective:
    """The effective state of one catalog key at one instant."""
    module = catalog.module(key)
    submodule = catalog.submodule(key)
    if not catalog.in_use(key):
        return Effective.DISABLED
    if module.exempt:
        return Effective.ENABLED
    if lanes.block_on(key, at) is not None:
        return Effective.DISABLED
    state = lanes.own(module.key, at)
    if submodule is not None and not submodule.on_by_default:
        return min(state, lanes.own(key, at))
    return state


def effective_map(
    lanes: Lanes, catalog: Catalog, at: datetime, *, modules: Collection[Key] | None = None
) -> dict[Key, Effective]:
    """The effective state of every key at one instant, in the catalog's order.

    `modules` narrows it to some modules and their submodules.
    """
    blocked = any(block.scope == "org" and block.active(at) for block in lanes.blocks)
    blocked_keys = {block.key for block in lanes.blocks if block.active(at)}
    states: dict[Key, Effective] = {}
    for module in catalog.modules:
        if modules is not None and module.key not in modules:
            continue
        state = Effective.DISABLED
        if module.is_active and module.exempt:
            state = Effective.ENABLED
        elif module.is_active and not blocked and module.key not in blocked_keys:
            state = lanes.own(module.key, at)
        states[module.key] = state
        for key, sub in module.by_submodule.items():
            if not sub.is_active or (key in blocked_keys and not module.exempt):
                states[key] = Effective.DISABLED
            elif sub.on_by_default or module.exempt:
                states[key] = state
            else:
                states[key] = min(state, lanes.own(key, at))
    return states


def expires_at(lanes: Lanes, catalog: Catalog, key: Key, at: datetime) -> datetime | None:
    """The next instant at which the effective state of `key` changes downward by itself."""
    state = effective(lanes, catalog, key, at)
    for boundary in lanes.boundaries(after=at):
        then = effective(lanes, catalog, key, boundary)
        if then < state:
            return boundary
        state = then
    return None


def denied_by(lanes: Lanes, catalog: Catalog, key: Key, at: datetime) -> str | None:
    """Why `key` is disabled at `at`, None when it is not.

    One of `blocked`, `parent_disabled`, `revoked`, `trial_expired`, `grant_expired`,
    `not_yet_active`, `not_granted`. Of several past grants the one that ended last tells why.
    What is retired is `not_granted`, whatever was.
    """
    if effective(lanes, catalog, key, at) is not Effective.DISABLED:
        return None
    if not catalog.in_use(key):
        return "not_granted"
    if lanes.block_on(key, at) is not None:
        return "blocked"
    if is_submodule(key) and effective(lanes, catalog, module_of(key), at) is Effective.DISABLED:
        return "parent_disabled"
    return inactive_by(lanes.grants.get(key, ()), at)


def last_ended(grants: Iterable[Grant], at: datetime) -> Grant | None:
    """Of the grants that were ever active and have ended by `at`, the last to end."""
    past = [g for g in grants if g.ends is not None and g.starts < g.ends <= at]
    return max(past, key=lambda grant: (grant.ends or at, grant.id), default=None)


def inactive_by(grants: Collection[Grant], at: datetime) -> str:
    """Why none of a key's grants is active: of several that ended the last one tells."""
    last = last_ended(grants, at)
    if last is None:
        return "not_yet_active" if any(grant.live(at) for grant in grants) else "not_granted"
    if last.ended_by is not None:
        return "revoked"
    return "trial_expired" if last.kind == "trial" else "grant_expired"
