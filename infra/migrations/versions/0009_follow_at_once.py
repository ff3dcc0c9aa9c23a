"""The audit view follows in one piece, and event by event only where one of them is damaged."""

from infra.migrations.plain_sql import run

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """What brings the audit view on, at less cost."""
    run("0009_follow_at_once.sql")
