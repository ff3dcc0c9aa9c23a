"""Batches are read org by org."""

from infra.migrations.plain_sql import run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """An index for it."""
    run("0003_batches.sql")
