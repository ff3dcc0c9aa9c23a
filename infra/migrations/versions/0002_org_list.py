"""An index in the order in which orgs are listed."""

from infra.migrations.plain_sql import run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """The index alone."""
    run("0002_org_list.sql")
