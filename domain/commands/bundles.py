"""Bundles: all of their billable modules at once, from the source `bundle:<key>`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from domain.catalog import Catalog, Key
from domain.commands.base import Command, Context
from domain.commands.grants import end_grant, ensure_grant
from domain.org import Org


def bundle_source(bundle: str) -> str:
    """The source under which a bundle grants its modules."""
    return f"bundle:{bundle}"


def billable_modules(catalog: Catalog, bundle: str) -> list[Key]:
    """The active billable modules of a bundle.

    Raises:
        UnknownBundle: the catalog has none of that key.
    """
    modules = (catalog.by_key[key] for key in catalog.bundle(bundle).modules)
    return [module.key for module in modules if not module.exempt and module.is_active]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyBundle(Command):
    """Grant every billable module of `bundle` that it does not grant already."""

    bundle: str

    def keys(self, org: Org, catalog: Catalog) -> Iterable[Key]:
        return billable_modules(catalog, self.bundle)

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        source = bundle_source(context.catalog.bundle(self.bundle).key)
        for key in billable_modules(context.catalog, self.bundle):
            ensure_grant(org, context, key, source)
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveBundle(Command):
    """End everything that `bundle` grants; what other sources give stays."""

    bundle: str

    def keys(self, org: Org, catalog: Catalog) -> Iterable[Key]:
        return billable_modules(catalog, self.bundle)

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        source = bundle_source(context.catalog.bundle(self.bundle).key)
        granted = [g for g in org.grants.values() if g.source == source and g.live(context.now)]
        for grant in granted:
            end_grant(org, context, grant, ended_by="revoked")
        keys = {grant.key for grant in granted}
        others = [g for g in org.grants.values() if g.key in keys and g.active(context.now)]
        still = {f"'{grant.key}' by {grant.source}" for grant in others}
        return [f"Still granted: {', '.join(sorted(still))}."] if still else ()
