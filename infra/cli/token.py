"""`entitlements token`: a bearer token signed with this deployment's shared secret."""

import click

from infra.cli.output import json_option, print_json
from infra.cli.usage import example

ROLES = ("super_admin", "org_admin", "user", "service")


@click.command(
    epilog=example(
        "entitlements token --role super_admin",
        "entitlements token --role org_admin --org 1 --permissions 'crm.*' --minutes 60",
    )
)
@click.option("--role", type=click.Choice(ROLES), required=True, help="Whose token it is.")
@click.option("--org", help="The organisation of its holder; leave it out for platform staff.")
@click.option("--sub", help="Its holder's id; made from the role where it is left out.")
@click.option("--permissions", default="", help="Comma-separated, such as crm.view,erp.*")
@click.option(
    "--minutes",
    type=click.IntRange(1, 525_600),
    default=720,
    show_default=True,
    help="How long it is valid.",
)
@json_option
def token(
    *, role: str, org: str | None, sub: str | None, permissions: str, minutes: int, as_json: bool
) -> None:
    """Print a bearer token, alone on its line."""
    from infra.settings import Settings
    from infra.tokens import secret_file, sign_token

    settings = Settings.from_environment()
    kept = secret_file(settings)
    is_new = settings.jwt_secret is None and not kept.exists()
    signed = sign_token(
        settings,
        role=role,
        org=org,
        sub=sub,
        permissions=[name.strip() for name in permissions.split(",") if name.strip()],
        minutes=minutes,
    )
    if is_new:
        click.echo(
            f"A new secret is made in {kept.absolute()}: "
            "only a server with the same LEDGER_DATA_DIR takes this token.",
            err=True,
        )
    if as_json:
        print_json({"token": signed, "role": role, "org": org, "valid_minutes": minutes})
    else:
        click.echo(signed)
