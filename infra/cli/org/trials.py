"""`entitlements org trial`: start, extend and convert."""

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


@click.group(
    epilog=example(
        "entitlements org trial start 42 --key crm --until 2027-01-01T00:00:00Z \\",
        '  --reason "Asked for at the fair"',
    )
)
def trial() -> None:
    """Start, extend or convert the trial of a module."""


@trial.command(
    epilog=example(
        "entitlements org trial start 42 --key crm --until 2027-01-01T00:00:00Z \\",
        '  --reason "Asked for at the fair"',
    )
)
@click.argument("org")
@key_option
@until_option(required=True)
@from_option
@click.option("--allow-latent", is_flag=True, help="Start it underneath a full grant, too.")
@click.option("--override-policy", is_flag=True, help="Start a second trial; that is recorded.")
@terms_options
@json_option
def start(*, org: str, terms: Terms, as_json: bool, **fields: Any) -> None:
    """Start a trial; each key is tried once."""
    from api.bodies import StartTrialBody
    from infra.cli.org.order import carry_out

    carry_out(StartTrialBody, org, fields, terms=terms, as_json=as_json)


@trial.command(
    epilog=example(
        'entitlements org trial extend 42 --key crm --by-days 14 --reason "Their admin was away"'
    )
)
@click.argument("org")
@key_option
@click.option("--by-days", type=int, help="How many days later than its present end.")
@click.option("--until", type=Instant(), help="When it is to end instead.")
@terms_options
@json_option
def extend(*, org: str, terms: Terms, as_json: bool, **fields: Any) -> None:
    """Move the end of a running trial, by days or to an instant."""
    from api.bodies import ExtendTrialBody
    from infra.cli.org.order import carry_out

    carry_out(ExtendTrialBody, org, fields, terms=terms, as_json=as_json)


@trial.command(
    epilog=example('entitlements org trial convert 42 --key crm --reason "They bought it"')
)
@click.argument("org")
@key_option
@terms_options
@json_option
def convert(*, org: str, terms: Terms, as_json: bool, **fields: Any) -> None:
    """End a running trial and open a full grant at the same instant."""
    from api.bodies import ConvertTrialBody
    from infra.cli.org.order import carry_out

    carry_out(ConvertTrialBody, org, fields, terms=terms, as_json=as_json)
