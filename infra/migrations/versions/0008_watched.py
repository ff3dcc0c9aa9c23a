"""What the rollout is judged by: denials as they were seen, and how decisions went by version."""

from infra.migrations.plain_sql import run

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Denials by organisation, key and day, the sums by version, and what keeps both."""
    run("0008_watched.sql")
