"""The commands that change the rollout; each says what holds afterwards."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from infra.cli.options import dry_run_option, reason_option
from infra.cli.output import json_option
from infra.cli.usage import example

if TYPE_CHECKING:
    from api.rollout_bodies import RolloutBody

Function = Callable[..., Any]

ticket_option = click.option("--ticket", help="Where it was agreed.")
override_option = click.option(
    "--override", is_flag=True, help="Go on although thresholds or sign-offs say no; recorded."
)
org_option = click.option("--org", "orgs", multiple=True, help="An organisation; may be repeated.")


def _terms(command: Function) -> Function:
    for option in (json_option, dry_run_option, ticket_option, reason_option):
        command = option(command)
    return command


def _carry_out(*bodies: "RolloutBody", as_json: bool) -> None:
    from infra.cli.rollout.order import carry_out

    carry_out(bodies, as_json=as_json)


def _body(shape: str, fields: dict[str, Any]) -> "RolloutBody":
    from infra.cli.rollout.order import body_of

    return body_of(shape, fields)


@click.command(
    "set",
    epilog=example(
        'entitlements rollout set --percent 25 --reason "Step 3b, two quiet days"',
        'entitlements rollout set --force-org 42 --tag early --reason "They asked to be first"',
        'entitlements rollout set --default shadow --reason "Watch the others meanwhile"',
    ),
)
@click.option("--percent", type=float, help="Enforce for that percentage of the organisations.")
@click.option(
    "--default",
    type=click.Choice(["off", "shadow", "enforce"]),
    help="The mode of organisations that no other rule names.",
)
@click.option("--exempt-org", multiple=True, help="Gate nothing for it; may be repeated.")
@click.option("--include-org", multiple=True, help="End its exemption; may be repeated.")
@click.option("--exempt-module", help="Gate it for nobody.")
@click.option("--include-module", help="End its exemption.")
@click.option("--force-org", multiple=True, help="Enforce for it whatever the percentage.")
@click.option("--release-org", multiple=True, help="Let it follow the percentage again.")
@click.option("--tag", help="A name for the organisations that are forced.")
@override_option
@_terms
def set_rules(*, as_json: bool, override: bool, tag: str | None, **given: Any) -> None:
    """Change who is gated.

    All that is named changes together or not at all.
    """
    terms = {name: given.pop(name) for name in ("reason", "ticket", "dry_run")}
    bodies = [
        _body(shape, terms | fields) for shape, fields in _wanted(given, override=override, tag=tag)
    ]
    if not bodies:
        raise click.UsageError("Say what to change; see --help.")
    _carry_out(*bodies, as_json=as_json)


def _wanted(
    given: dict[str, Any], *, override: bool, tag: str | None
) -> Sequence[tuple[str, dict[str, Any]]]:
    wanted: list[tuple[str, dict[str, Any]]] = []
    rules = {n: given[n] for n in ("percent", "default") if given[n] is not None}
    if rules:
        wanted.append(("update", rules | {"override": override}))
    for name, exempt in (("exempt_org", True), ("include_org", False)):
        if given[name]:
            wanted.append(("exempt-org", {"orgs": list(given[name]), "exempt": exempt}))
    for name, exempt in (("exempt_module", True), ("include_module", False)):
        if given[name]:
            wanted.append(("exempt-module", {"key": given[name], "exempt": exempt}))
    if given["force_org"]:
        wanted.append(("force-org", {"orgs": list(given["force_org"]), "tag": tag}))
    if given["release_org"]:
        wanted.append(("force-org", {"orgs": list(given["release_org"]), "mode": None}))
    return wanted


@click.command(
    epilog=example(
        'entitlements rollout kill --reason "403 spike in production"',
        'entitlements rollout kill --here --reason "The database is away"',
    )
)
@click.option(
    "--here", is_flag=True, help="Only on this machine, by its file: needs no ledger at all."
)
@_terms
def kill(*, here: bool, as_json: bool, **terms: Any) -> None:
    """Gate nothing any more, anywhere."""
    if here:
        _switch("off", as_json=as_json)
    else:
        _carry_out(_body("kill", terms), as_json=as_json)


@click.command(
    epilog=example('entitlements rollout resume --reason "The cause is found and mended"')
)
@click.option("--here", is_flag=True, help="Only what this machine's file says.")
@_terms
def resume(*, here: bool, as_json: bool, **terms: Any) -> None:
    """Gate again, as the other rules say."""
    if here:
        _switch("on", as_json=as_json)
    else:
        _carry_out(_body("resume", terms), as_json=as_json)


@click.command(
    epilog=example(
        'entitlements rollout rollback --scope module --key crm --reason "CRM denies wrongly"',
        'entitlements rollout rollback --scope org --org 42 --reason "Locked out on Tuesday"',
    )
)
@click.option(
    "--scope", type=click.Choice(["all", "org", "module"]), required=True, help="Whose gating."
)
@org_option
@click.option("--key", help="The module.")
@_terms
def rollback(*, as_json: bool, orgs: tuple[str, ...], **fields: Any) -> None:
    """Take gating back for all, some or one module."""
    _carry_out(_body("rollback", fields | {"orgs": list(orgs)}), as_json=as_json)


@click.command(
    "sign-off",
    epilog=example(
        "entitlements rollout sign-off --step 3a --role security_lead "
        '--reason "Bypass controls reviewed"'
    ),
)
@click.option("--step", required=True, help="The step that may begin: 1, 2, 3a, 3b, 3c or 4.")
@click.option("--role", required=True, help="One of the five roles of the plan.")
@_terms
def sign_off(*, as_json: bool, **fields: Any) -> None:
    """Agree, in one of five roles, that a step begins."""
    _carry_out(_body("sign-off", fields), as_json=as_json)


@click.command(epilog=example('entitlements rollout advance --reason "All five signed off"'))
@override_option
@_terms
def advance(*, as_json: bool, **fields: Any) -> None:
    """Enter the plan's next step, with its percentage."""
    _carry_out(_body("advance", fields), as_json=as_json)


def _switch(word: str, *, as_json: bool) -> None:
    from infra.cli.rollout.order import switch_here

    switch_here(word, as_json=as_json)
