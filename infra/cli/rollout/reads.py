"""The commands that show the rollout: as it is, who is in it, and as it was."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

from infra.cli.history import known_at_option
from infra.cli.output import json_option, print_json, show
from infra.cli.usage import example
from infra.cli.work import over_ledger

if TYPE_CHECKING:
    from domain.history import Recorded
    from domain.rollout import Rollout
    from infra.wiring import Parts
    from projections.rollout import Member


@click.command(epilog=example("entitlements rollout status", "entitlements rollout status --json"))
@json_option
def status(*, as_json: bool) -> None:
    """Show the rules and the plan's progress."""
    from api.render_rollout import rollout_state
    from infra.cli.rollout.page import next_step, plan, rules

    async def read(parts: "Parts") -> "tuple[Rollout, Parts]":
        return await parts.rollouts.rollout(), parts

    rollout, parts = over_ledger(read)
    problem = parts.gates.problem or parts.switch.problem
    if as_json:
        print_json(rollout_state(rollout, parts.gates.gating, problem=problem))
        return
    show(f"Rollout, version {rollout.version}:")
    show(*rules(rollout), *next_step(rollout))
    if parts.gates.gating.killed_here:
        show("On this machine gating is off, by its environment or its file.")
    if problem:
        show(f"Note: {problem}")
    show(plan(rollout))


@click.command(
    epilog=example(
        "entitlements rollout cohort --percent 5",
        "entitlements rollout cohort --tag early --json",
    )
)
@click.option("--percent", type=click.FloatRange(0, 100), help="The organisations within it.")
@click.option("--tag", help="The organisations that were forced under this name.")
@json_option
def cohort(*, percent: float | None, tag: str | None, as_json: bool) -> None:
    """List who is in a percentage, or under a tag."""
    from api.rollout_bodies import share_of
    from domain.ids import org_json
    from infra.cli.tables import table

    if (percent is None) == (tag is None):
        raise click.UsageError("Give either --percent or --tag.")
    share = share_of(percent) if percent is not None else None

    async def read(parts: "Parts") -> "list[Member]":
        found: list[Member] = []
        while True:
            after = found[-1].org if found else ""
            page = await parts.rollouts.cohort(share=share, tag=tag, after=after, limit=1_000)
            found += page
            if len(page) < 1_000:
                return found

    members = over_ledger(read)
    if as_json:
        print_json([{"org_id": org_json(m.org), "name": m.name} for m in members])
    elif members:
        show(table("org", "name", rows=[(m.org, m.name) for m in members]))
        show(f"{len(members)} organisations.")
    else:
        show("No organisation is in it.")


@click.command(
    epilog=example(
        "entitlements rollout history",
        "entitlements rollout history --org 42 --known-at 2026-01-31T14:03:00Z",
    )
)
@click.option("--org", help="How was this organisation decided?")
@click.option("--key", help="And this module of it?")
@known_at_option
@json_option
def history(*, org: str | None, key: str | None, known_at: datetime | None, as_json: bool) -> None:
    """Show every change, and how an org was decided."""
    from api.render_history import recorded
    from api.render_rollout import ruling
    from domain.catalog import Key, module_of
    from domain.ids import org_id
    from domain.instants import aware
    from infra.cli.rollout.page import changes

    named = org_id(org) if org is not None else None
    known = aware(known_at, field="known-at") if known_at is not None else None

    async def read(parts: "Parts") -> "tuple[Rollout, list[Recorded], Key | None]":
        module = module_of(parts.shelf.catalog.resolve(key)) if key is not None else None
        return *(await parts.rollouts.known_at(known)), module

    rollout, entries, module = over_ledger(read)
    found = ruling(named, module, rollout.gating) if named is not None else None
    if as_json:
        print_json({"ruling": found, "events": [recorded(entry) for entry in reversed(entries)]})
        return
    if found is not None:
        of = f", module {module}," if module else ""
        show(f"Organisation {named}{of} was decided in mode '{found['mode']}' by the rule")
        show(f"'{found['rule']}' (rollout version {found['rollout_version']}).")
    if entries:
        show(changes(entries))
    else:
        show("Nothing was ever changed: everything is enforced for everybody.")
