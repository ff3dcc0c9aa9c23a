"""Migrations are SQL files; Alembic only keeps count of them."""

from pathlib import Path

from alembic import op

_VERSIONS = Path(__file__).parent / "versions"


def run(*names: str) -> None:
    """Run SQL files of the directory of revisions, in the revision's transaction."""
    driver = op.get_bind().connection.driver_connection
    assert driver is not None
    for name in names:
        driver.execute((_VERSIONS / name).read_text(encoding="utf-8"))
