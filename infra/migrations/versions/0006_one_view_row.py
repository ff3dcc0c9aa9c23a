"""Both inline views of an org in one row."""

from infra.migrations.plain_sql import run

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """One table for both, the legacy view above it, and the functions that write them."""
    run("0006_one_view_row.sql")
