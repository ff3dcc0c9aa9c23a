"""From a shell's words to commands on the rollout, by the same bodies as HTTP takes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from api.rollout_bodies import RollbackBody, RolloutBody, RolloutUpdate
from api.routes.rollout import CHANGES
from domain.actors import Provenance
from domain.gating import Gating
from domain.steering import Steered
from infra.cli.actor import shell_actor
from infra.cli.org.order import told
from infra.cli.output import print_json, show
from infra.cli.rollout.page import rules
from infra.cli.rollout.undo import undoing
from infra.cli.work import over_ledger
from infra.settings import Settings
from infra.switch import switch_file

if TYPE_CHECKING:
    from infra.wiring import Parts

_SHAPES: dict[str, type[RolloutBody]] = {
    **CHANGES,
    "update": RolloutUpdate,
    "rollback": RollbackBody,
}


def body_of(shape: str, fields: dict[str, Any]) -> RolloutBody:
    """The body that the options make.

    Raises:
        click.UsageError: they do not make one.
    """
    try:
        return _SHAPES[shape].model_validate(fields)
    except ValidationError as error:
        raise click.UsageError("; ".join(told(problem) for problem in error.errors())) from error


def carry_out(bodies: Sequence[RolloutBody], *, as_json: bool) -> None:
    """Carry out what the bodies ask for, all of it or nothing, and print what holds then.

    Raises:
        Refusal: it cannot be done; nothing was written.
    """
    first = bodies[0]
    by = Provenance(actor=shell_actor(), reason=first.reason, ticket=first.ticket)
    commands = [command for body in bodies for command in body.commands()]

    async def steer(parts: "Parts") -> tuple[Gating, Steered]:
        before = (await parts.rollouts.rollout()).rules
        return before, await parts.rollouts.steer(commands, by=by, dry_run=first.dry_run)

    before, steered = over_ledger(steer)
    if as_json:
        print_json(
            {
                "changed": steered.changed,
                "rollout_version": steered.version,
                "facts": list(steered.facts),
                "positions": list(steered.positions),
            }
            | ({"dry_run": True} if first.dry_run else {})
        )
        return
    if not steered.changed:
        show(f"Nothing to change (version {steered.version}).")
    elif first.dry_run:
        show("This would change; nothing was written. It would be:")
    else:
        show(f"Done (version {steered.version}). Every process goes by it within 5 seconds.")
    show(*rules(steered.rollout))
    back = undoing(before, steered.rollout.rules)
    if back and not first.dry_run:
        show("Take it back:", *(f"  {command}" for command in back))


def switch_here(word: str, *, as_json: bool) -> None:
    """Write this machine's file."""
    file = switch_file(Settings.from_environment())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(word + "\n", encoding="utf-8")
    if as_json:
        print_json({"file": str(file), "gating": word})
    else:
        show(f"{file} says '{word}' now; every process on this machine that reads it follows")
        show("within a second. The ledger was not asked and does not know: no event was written.")
