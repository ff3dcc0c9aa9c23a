"""`entitlements migrate`: bring the database to the schema this version needs."""

import click

from infra.cli.output import json_option, print_json
from infra.cli.usage import example


@click.command(
    epilog=example(
        "entitlements migrate",
        "LEDGER_MIGRATION_DATABASE_URL=postgresql://postgres@db/ledger entitlements migrate",
    )
)
@json_option
def migrate(*, as_json: bool) -> None:
    """Create or upgrade the database schema.

    Its roles and functions, too. Repeat it as you like.
    """
    from infra.database import database
    from infra.migrations.run import database_revision, newest_revision
    from infra.settings import Settings
    from infra.wiring import prepare_database

    with database(Settings.from_environment()) as where:
        before = database_revision(where.owner_url)
        prepare_database(where)
    revision = newest_revision()
    if as_json:
        print_json({"before": before, "revision": revision, "changed": before != revision})
    elif before == revision:
        click.echo(f"The schema is at revision {revision} already.")
    else:
        click.echo(f"The schema is at revision {revision} now (it was at {before or 'none'}).")
