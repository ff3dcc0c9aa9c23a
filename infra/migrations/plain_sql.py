"""Migrations are SQL files; Alembic only keeps count of them."""

from pathlib import Path

from alembic import op


def run_beside(revision_file: str) -> None:
    """Run the `.sql` file that stands beside a revision, in the revision's transaction."""
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    driver.execute(Path(revision_file).with_suffix(".sql").read_text(encoding="utf-8"))
