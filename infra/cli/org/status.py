"""`entitlements org set-status`: the seed's three words for a module."""

from typing import Any

import click

from infra.cli.options import Instant, Terms, key_option, terms_options
from infra.cli.output import json_option
from infra.cli.usage import example


@click.command(
    "set-status",
    epilog=example(
        'entitlements org set-status 42 --key crm --status disabled --reason "They cancelled it"'
    ),
)
@click.argument("org")
@key_option
@click.option(
    "--status",
    type=click.Choice(["enabled", "trial", "disabled"]),
    required=True,
    help="What the module is to be.",
)
@click.option("--trial-expires-at", type=Instant(), help="With status trial: when it ends.")
@click.option("--source", help="Whose grant it is about: admin is the default.")
@terms_options
@json_option
def set_status(*, org: str, terms: Terms, as_json: bool, **fields: Any) -> None:
    """Bring a module to a status, whatever that takes.

    Grants, trials and blocks are changed as the seed's PUT means it.
    """
    from infra.cli.org.bodies import StatusBody
    from infra.cli.org.order import carry_out

    carry_out(StatusBody, org, fields, terms=terms, as_json=as_json)
