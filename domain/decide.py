"""From commands to facts: one judgement of one org at one instant, all or nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from domain.catalog import Key, module_of
from domain.commands import Command, Context
from domain.effective import effective_map
from domain.facts import AccessBlocked, AccessUnblocked, OrgEvent
from domain.org import Org
from domain.refusals import OrgHeldByNewerVersion, UnknownOrg


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a judgement came to: the facts to append and what their author is told.

    `before` and `after` hold every key that was named or whose effective state changed.
    """

    facts: tuple[OrgEvent, ...]
    before: dict[Key, str]
    after: dict[Key, str]
    remaining_sources: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def changed(self) -> bool:
        return bool(self.facts)

    @property
    def changed_keys(self) -> tuple[Key, ...]:
        """The keys whose effective state is another than before."""
        return tuple(key for key, state in self.after.items() if self.before[key] != state)


def decide(
    org: Org, commands: Sequence[Command], context: Context, *, terse: bool = False
) -> Outcome:
    """Judge `commands` in order, each on what the ones before it left.

    `org` moves on with the facts; it must be thrown away when this raises. A `terse` outcome has
    the facts and the warnings alone.

    Raises:
        Refusal: one of them cannot be done, so none is.
        UnknownOrg: the org is not registered.
        OrgHeldByNewerVersion: part of what it is cannot be known here.
    """
    if org.held_by is not None:
        raise OrgHeldByNewerVersion(org.org_id, by=org.held_by)
    lanes = None if terse else org.lanes
    warnings: list[str] = []
    named: set[Key] = set()
    for command in commands:
        if command.needs_registration and not org.registered:
            raise UnknownOrg(org.org_id)
        if lanes is not None:
            named.update(command.keys(org, context.catalog))
        warnings += command.decide(org, context)
    if not org.registered:
        raise UnknownOrg(org.org_id)
    facts = cast("tuple[OrgEvent, ...]", tuple(org.collect_events()))
    if lanes is None:
        return Outcome(
            facts=facts, before={}, after={}, remaining_sources=(), warnings=tuple(warnings)
        )
    modules = _concerned(facts, named)
    before = effective_map(lanes, context.catalog, context.now, modules=modules)
    after = effective_map(org.lanes, context.catalog, context.now, modules=modules)
    shown = [key for key in after if key in named or before[key] != after[key]]
    remaining = {
        grant.source
        for grant in org.grants.values()
        if grant.key in named and grant.active(context.now)
    }
    return Outcome(
        facts=facts,
        before={key: before[key].label for key in shown},
        after={key: after[key].label for key in shown},
        remaining_sources=tuple(sorted(remaining)),
        warnings=tuple(warnings),
    )


def _concerned(facts: Sequence[OrgEvent], named: Iterable[Key]) -> set[Key] | None:
    """The modules whose effective state may differ, None for all of them."""
    modules = {module_of(key) for key in named}
    for fact in facts:
        if isinstance(fact, AccessBlocked | AccessUnblocked) and fact.key is None:
            return None
        if key := getattr(fact, "key", None):
            modules.add(module_of(key))
    return modules
