"""${message}."""

from infra.migrations.plain_sql import run

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Run the SQL file of this revision."""
    run("${up_revision}.sql")
