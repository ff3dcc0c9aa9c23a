"""When each org is next due for the boundary ticker."""

from infra.migrations.plain_sql import run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """A column that the row's own state fills, and the index the ticker looks into."""
    run("0002_schedules.sql")
