"""`entitlements org grant` and `revoke`."""

from typing import Any

import click

from infra.cli.options import (
    Instant,
    Terms,
    from_option,
    key_option,
    terms_options,
    until_option,
)
from infra.cli.output import json_option
from infra.cli.usage import example


@click.command(
    epilog=example(
        'entitlements org grant 42 --key crm --reason "Sold with contract 7"',
        "entitlements org grant 42 --key crm --source promo:spring \\",
        '  --until 2027-01-01T00:00:00Z --reason "Spring campaign" --dry-run',
    )
)
@click.argument("org")
@key_option
@click.option("--source", help="Who gives it: admin (the default), plan:<key>@<version>, ...")
@click.option("--source-ref", help="What it is called at its source.")
@from_option
@until_option()
@click.option(
    "--on-conflict",
    type=click.Choice(["refuse", "supersede"]),
    help="What to do where the same source grants it on other terms; refuse is the default.",
)
@terms_options
@json_option
def grant(*, org: str, terms: Terms, as_json: bool, **fields: Any) -> None:
    """Give full access to a key from one source."""
    from api.bodies import GrantBody
    from infra.cli.org.order import carry_out

    carry_out(GrantBody, org, fields, terms=terms, as_json=as_json)


@click.command(
    epilog=example(
        'entitlements org revoke 42 --key crm --reason "Contract 7 has ended"',
        'entitlements org revoke 42 --key crm --scope all --reason "Account is closed"',
    )
)
@click.argument("org")
@key_option
@click.option(
    "--scope",
    type=click.Choice(["source", "all"]),
    help="What one source gives (the default), or what all of them give.",
)
@click.option("--source", help="Whose grant to end: admin is the default.")
@click.option("--source-ref", help="What it is called at its source.")
@click.option("--at", type=Instant(), help="When it ends; now if left out.")
@terms_options
@json_option
def revoke(*, org: str, terms: Terms, as_json: bool, **fields: Any) -> None:
    """End what one source, or every source, gives of a key."""
    from api.bodies import RevokeBody
    from infra.cli.org.order import carry_out

    carry_out(RevokeBody, org, fields, terms=terms, as_json=as_json)
