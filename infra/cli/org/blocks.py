"""`entitlements org block`, `unblock`, `submodule`, `suspend` and `resume`."""

from typing import Any

import click

from infra.cli.options import Terms, from_option, key_option, terms_options, until_option
from infra.cli.output import json_option
from infra.cli.usage import example

SCOPES = click.Choice(["org", "module", "submodule"])
CATEGORIES = click.Choice(["suspension", "compliance", "admin_off", "abuse"])


@click.command(
    epilog=example(
        "entitlements org block 42 --scope module --key crm --category compliance \\",
        '  --reason "Ordered by the authority"',
    )
)
@click.argument("org")
@click.option("--scope", type=SCOPES, required=True, help="What is blocked.")
@click.option("--key", help="The module or module.submodule; none for scope org.")
@click.option("--category", type=CATEGORIES, required=True, help="What kind of block it is.")
@from_option
@until_option()
@terms_options
@json_option
def block(*, org: str, terms: Terms, as_json: bool, **fields: Any) -> None:
    """Take access away, whatever the grants say."""
    from api.bodies import BlockBody
    from infra.cli.org.order import carry_out

    carry_out(BlockBody, org, fields, terms=terms, as_json=as_json)


@click.command(
    epilog=example(
        "entitlements org unblock 42 --scope module --key crm --category compliance \\",
        '  --reason "The order was lifted"',
    )
)
@click.argument("org")
@click.option("--block-id", help="The block, as 'org show' names it.")
@click.option("--scope", type=SCOPES, help="Without an id: what is blocked.")
@click.option("--key", help="Without an id: the module or module.submodule.")
@click.option("--category", type=CATEGORIES, help="Without an id: what kind of block it is.")
@terms_options
@json_option
def unblock(*, org: str, terms: Terms, as_json: bool, **fields: Any) -> None:
    """Lift a block; exactly what the grants say holds again."""
    from api.bodies import UnblockBody
    from infra.cli.org.order import carry_out

    carry_out(UnblockBody, org, fields, terms=terms, as_json=as_json)


@click.command(
    epilog=example(
        "entitlements org submodule 42 --key crm.lead_management --disabled \\",
        '  --reason "They asked us to hide it"',
    )
)
@click.argument("org")
@key_option
@click.option("--enabled/--disabled", default=None, required=True, help="Which it is to be.")
@terms_options
@json_option
def submodule(*, org: str, terms: Terms, as_json: bool, **fields: Any) -> None:
    """Switch one submodule on or off."""
    from api.bodies import SetSubmoduleBody
    from infra.cli.org.order import carry_out

    carry_out(SetSubmoduleBody, org, fields, terms=terms, as_json=as_json)


@click.command(
    epilog=example('entitlements org suspend 42 --reason "Invoice 9 is 60 days overdue"')
)
@click.argument("org")
@terms_options
@json_option
def suspend(*, org: str, terms: Terms, as_json: bool) -> None:
    """Block everything the organisation has, until resumed."""
    from api.bodies import SuspendBody
    from infra.cli.org.order import carry_out

    carry_out(SuspendBody, org, {}, terms=terms, as_json=as_json)


@click.command(epilog=example('entitlements org resume 42 --reason "Invoice 9 was paid"'))
@click.argument("org")
@terms_options
@json_option
def resume(*, org: str, terms: Terms, as_json: bool) -> None:
    """Lift the suspension; what the grants say holds again."""
    from api.bodies import ResumeBody
    from infra.cli.org.order import carry_out

    carry_out(ResumeBody, org, {}, terms=terms, as_json=as_json)
