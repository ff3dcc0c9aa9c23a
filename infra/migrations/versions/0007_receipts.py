"""What subscribers report to have applied."""

from infra.migrations.plain_sql import run

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Subscribers, the version of each org that each has reported, and how they report."""
    run("0007_receipts.sql")
