"""What the rollout is judged by: denials as they were seen, and how decisions went by version."""

from infra.migrations.plain_sql import run

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Denials by organisation, key and day, the sums by version, and what keeps both."""
    run("0006_watched.sql")
