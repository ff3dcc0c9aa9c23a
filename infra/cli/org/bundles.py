"""`entitlements org bundle`: apply and remove."""

import click

from infra.cli.options import Function, Terms, terms_options
from infra.cli.output import json_option
from infra.cli.usage import example


@click.group(
    epilog=example(
        'entitlements org bundle apply 42 --bundle crm_suite --reason "Sold with contract 7"'
    )
)
def bundle() -> None:
    """Grant or end all modules of a bundle at once."""


def _bundle_option(command: Function) -> Function:
    return click.option("--bundle", required=True, help="One that 'catalog show' names.")(command)


@bundle.command(
    epilog=example(
        'entitlements org bundle apply 42 --bundle crm_suite --reason "Sold with contract 7"'
    )
)
@click.argument("org")
@_bundle_option
@terms_options
@json_option
def apply(*, org: str, bundle: str, terms: Terms, as_json: bool) -> None:
    """Grant every billable module of a bundle."""
    from api.bodies import ApplyBundleBody
    from infra.cli.org.order import carry_out

    carry_out(ApplyBundleBody, org, {"bundle": bundle}, terms=terms, as_json=as_json)


@bundle.command(
    epilog=example(
        'entitlements org bundle remove 42 --bundle crm_suite --reason "Contract 7 has ended"'
    )
)
@click.argument("org")
@_bundle_option
@terms_options
@json_option
def remove(*, org: str, bundle: str, terms: Terms, as_json: bool) -> None:
    """End everything that a bundle grants, and nothing else."""
    from api.bodies import RemoveBundleBody
    from infra.cli.org.order import carry_out

    carry_out(RemoveBundleBody, org, {"bundle": bundle}, terms=terms, as_json=as_json)
