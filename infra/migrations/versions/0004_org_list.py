"""An index in the order in which orgs are listed."""

from infra.migrations.plain_sql import run

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """The index alone."""
    run("0004_org_list.sql")
