"""The ledger's schema from nothing."""

from infra.migrations.plain_sql import run_beside

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the SQL file beside this one."""
    run_beside(__file__)
