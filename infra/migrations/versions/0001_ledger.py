"""The ledger's schema from nothing."""

from infra.migrations.plain_sql import run

revision = "0001"
down_revision = None


def upgrade() -> None:
    """The log with its inline views, then what follows the log."""
    run("0001_ledger.sql", "0001_audit.sql")
