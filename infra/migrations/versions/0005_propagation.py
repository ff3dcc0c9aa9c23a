"""What the relay to Kafka keeps beside the log, and a new epoch for a restored ledger."""

from infra.migrations.plain_sql import run

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """The relay's cursor with its fence, and the functions that move it."""
    run("0005_propagation.sql")
