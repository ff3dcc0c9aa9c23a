"""Blocks: the only way to take away what a source still gives; lifting one restores it all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.catalog import Catalog, Key, is_submodule, module_of
from domain.commands.base import Command, Context
from domain.commands.grants import ensure_grant
from domain.facts import AccessBlocked, AccessUnblocked
from domain.instants import iso
from domain.lanes import ADMIN_SOURCE, Block, Category, Scope, valid_source
from domain.org import Org
from domain.refusals import BlockConflict, Unacceptable, UnknownBlock, UnknownKey


class InvalidScope(Unacceptable):
    """The scope and the key of a block do not belong together."""

    code = "invalid_scope"
    hint = "scope=org takes no key, scope=module a module, scope=submodule a module.submodule."

    def __init__(self, scope: Scope, key: Key | None) -> None:
        named = f"the key '{key}'" if key else "no key"
        super().__init__(f"A block of scope '{scope}' cannot have {named}.", scope=scope, key=key)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockAccess(Command):
    """Take away the whole org's access, a module or a submodule, whatever the grants say.

    Raises:
        BlockConflict: a block of this scope, key and category stands there with other terms.
    """

    scope: Scope
    category: Category
    key: Key | None = None
    starts: datetime | None = None
    until: datetime | None = None

    def keys(self, org: Org, catalog: Catalog) -> Iterable[Key]:
        return (self.key,) if self.key else ()

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        check_scope(self.scope, self.key)
        warnings = context.exempt(self.key) if self.key else []
        if warnings:
            return warnings
        starts, ends = context.interval(self.starts, self.until)
        standing = live_block(org, self.scope, self.key, self.category, at=context.now)
        if standing is None:
            raise_block(org, context, self.scope, self.key, self.category, starts=starts, ends=ends)
        elif standing.ends != ends or (standing.starts > starts):
            raise BlockConflict(
                block_id=standing.id,
                category=standing.category,
                starts=iso(standing.starts),
                until=iso(standing.ends) if standing.ends else None,
            )
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnblockAccess(Command):
    """Lift a block, named by its id or by scope, key and category; where none stands, nothing.

    Raises:
        UnknownBlock: no block of this id ever stood.
    """

    scope: Scope | None = None
    category: Category | None = None
    key: Key | None = None
    block_id: str | None = None

    def keys(self, org: Org, catalog: Catalog) -> Iterable[Key]:
        named = org.blocks[self.block_id].key if self.block_id in org.blocks else self.key
        return (named,) if named else ()

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        if self.block_id is not None:
            standing = org.blocks.get(self.block_id)
            if standing is None and self.block_id not in context.past_blocks:
                raise UnknownBlock(self.block_id)
        else:
            assert self.scope is not None
            assert self.category is not None
            check_scope(self.scope, self.key)
            standing = live_block(org, self.scope, self.key, self.category, at=context.now)
        if standing is not None and standing.live(context.now):
            lift_block(org, context, standing)
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSubmodule(Command):
    """Switch one submodule on or off for the org; off is an `admin_off` block.

    On lifts that block and, where the submodule's default is off, grants it from `source`, beside
    what other sources grant.
    """

    key: Key
    enabled: bool
    source: str = ADMIN_SOURCE

    def keys(self, org: Org, catalog: Catalog) -> Iterable[Key]:
        return (self.key,)

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        valid_source(self.source)
        if not is_submodule(self.key):
            raise UnknownKey(
                self.key, nearest=list(context.catalog.module(self.key).by_submodule)[:2]
            )
        warnings = context.exempt(self.key)
        if warnings:
            return warnings
        if not self.enabled:
            switch_off(org, context, "submodule", self.key)
            return ()
        standing = live_block(org, "submodule", self.key, "admin_off", at=context.now)
        if standing is not None:
            lift_block(org, context, standing)
        return self._grant_if_needed(org, context)

    def _grant_if_needed(self, org: Org, context: Context) -> Sequence[str]:
        submodule = context.catalog.submodule(self.key)
        if submodule is not None and not submodule.on_by_default:
            context.grantable(self.key)
            ensure_grant(org, context, self.key, self.source)
        if org.lanes.own(module_of(self.key), context.now) == 0:
            return [f"'{self.key}' stays disabled until '{module_of(self.key)}' is granted."]
        return ()


@dataclass(frozen=True, slots=True)
class SuspendOrg(Command):
    """Block everything the org has; grants made meanwhile are recorded and wake at resume."""

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        return BlockAccess(scope="org", category="suspension").decide(org, context)


@dataclass(frozen=True, slots=True)
class ResumeOrg(Command):
    """Lift the suspension; exactly what the grants say holds again."""

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        return UnblockAccess(scope="org", category="suspension").decide(org, context)


def blocks_not_held(org: Org, commands: Iterable[Command]) -> list[str]:
    """The blocks to be lifted that the org's state does not hold: lifted, or never raised."""
    named = [command.block_id for command in commands if isinstance(command, UnblockAccess)]
    return [block_id for block_id in named if block_id and block_id not in org.blocks]


def check_scope(scope: Scope, key: Key | None) -> None:
    """Raises InvalidScope unless scope and key belong together."""
    fits = {
        "org": key is None,
        "module": key is not None and not is_submodule(key),
        "submodule": key is not None and is_submodule(key),
    }
    if not fits[scope]:
        raise InvalidScope(scope, key)


def live_block(
    org: Org, scope: Scope, key: Key | None, category: Category, *, at: datetime
) -> Block | None:
    """The live block that stands in a slot."""
    slot = (scope, key, category)
    return next((b for b in org.blocks.values() if b.slot == slot and b.live(at)), None)


def switch_off(org: Org, context: Context, scope: Scope, key: Key) -> None:
    """Record an open-ended `admin_off` block unless it stands; one of other terms gives way."""
    standing = live_block(org, scope, key, "admin_off", at=context.now)
    if standing is not None and (standing.ends is not None or standing.starts > context.now):
        lift_block(org, context, standing)
        standing = None
    if standing is None:
        raise_block(org, context, scope, key, "admin_off")


def raise_block(
    org: Org,
    context: Context,
    scope: Scope,
    key: Key | None,
    category: Category,
    *,
    starts: datetime | None = None,
    ends: datetime | None = None,
) -> None:
    """Record a block."""
    starts = starts or context.now
    context.record(
        org,
        AccessBlocked,
        block_id=context.new_id(),
        scope=scope,
        key=key,
        category=category,
        starts=starts,
        ends=ends,
        effective_at=starts,
    )


def lift_block(org: Org, context: Context, block: Block) -> None:
    """Record that a block ends now."""
    context.record(
        org,
        AccessUnblocked,
        block_id=block.id,
        scope=block.scope,
        key=block.key,
        category=block.category,
    )
