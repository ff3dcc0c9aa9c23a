"""The audit view finds what is done to a trial by the source that trials have."""

from infra.migrations.plain_sql import run

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """The rows there are, and what makes the rows to come."""
    run("0010_source_of_trials.sql")
