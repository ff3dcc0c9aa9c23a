"""From a shell's words to an order: the same bodies as HTTP takes, carried out in this process."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import click
from pydantic import ValidationError

from api.bodies import Body
from domain.actors import Provenance
from domain.ids import OrgId, org_id
from domain.orders import Answer, Order
from infra.cli.actor import shell_actor
from infra.cli.options import Terms
from infra.cli.org.answer import print_answer
from infra.cli.org.later import begins, later
from infra.cli.output import print_json, show
from infra.cli.work import over_ledger

if TYPE_CHECKING:
    from infra.wiring import Parts

_COMMANDS = UUID("1f9f6a0e-7c58-4c1e-9a53-3f0f2f6f6f0b")  # never rename: command ids derive from it
_NOT_PRINTED = frozenset(("dry_run", "plan_token"))


def carry_out(
    shape: type[Body], org: str, fields: Mapping[str, Any], *, terms: Terms, as_json: bool
) -> None:
    """Carry out one command and print what it came to.

    Raises:
        click.UsageError: the options do not make a command.
        Refusal: it cannot be done; nothing was written.
    """
    body, named = body_of(shape, fields, terms), org_id(org)

    async def execute(parts: "Parts") -> tuple[Answer, list[str]]:
        answer = await parts.ledger.execute(
            Order(
                org=named,
                commands=body.commands,
                by=Provenance(actor=shell_actor(), reason=body.reason, ticket=body.ticket),
                command_id=_command_id(terms),
                fingerprint=_fingerprint(named, body),
                if_match=terms.if_match,
                dry_run=body.dry_run,
                plan_token=body.plan_token,
            )
        )
        return answer, await later(parts, answer, at=begins(body))

    answer, coming = over_ledger(execute)
    if as_json:
        print_json(document(answer))
    else:
        print_answer(answer)
        show(*coming)


def body_of(shape: type[Body], fields: Mapping[str, Any], terms: Terms) -> Body:
    """The body that the options make; what was not given is left to the body's defaults."""
    given = {name: value for name, value in fields.items() if value is not None}
    given |= {"reason": terms.reason, "ticket": terms.ticket}
    given |= {"dry_run": terms.dry_run, "plan_token": terms.plan_token}
    try:
        return shape.model_validate(given)
    except ValidationError as error:
        raise click.UsageError("; ".join(told(problem) for problem in error.errors())) from error


def document(answer: Answer) -> dict[str, Any]:
    """An answer as HTTP gives it."""
    previewed = answer.plan_token is not None
    body: dict[str, Any] = {
        "event_ids": [] if previewed else list(answer.event_ids),
        "positions": answer.positions,
        "org_version": answer.org_version,
        "consistency_token": f"v{answer.org_version}",
        "changed": answer.changed,
        "before": dict(answer.before),
        "after": dict(answer.after),
        "remaining_sources": list(answer.remaining_sources),
        "warnings": list(answer.warnings),
    }
    if previewed:
        body |= {"dry_run": True, "plan_token": answer.plan_token}
    return body


def told(problem: Mapping[str, Any]) -> str:
    """What is wrong with an option, in the words of its body."""
    place = ".".join(str(part) for part in problem["loc"])
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"--{place.replace('_', '-')}: {message}" if place else message


def _command_id(terms: Terms) -> UUID | None:
    if terms.idempotency_key is None:
        return None
    return uuid5(_COMMANDS, json.dumps([shell_actor().id, terms.idempotency_key]))


def _fingerprint(org: OrgId, body: Body) -> bytes:
    content = body.model_dump(mode="json", by_alias=True, exclude=set(_NOT_PRINTED))
    printed = [type(body).__name__, org, content]
    return hashlib.sha256(json.dumps(printed, sort_keys=True).encode()).digest()
