"""Where the ledger's PostgreSQL is: the one named in the settings, or an embedded one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.postgres.embedded import EmbeddedPostgres
from infra.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """How to reach the database: `app_url` to work, `owner_url` to migrate."""

    app_url: str
    owner_url: str
    embedded: EmbeddedPostgres | None


def embedded_directory(settings: Settings) -> Path:
    """Where an embedded PostgreSQL lives."""
    return settings.data_dir / "postgres"


@contextmanager
def database(settings: Settings) -> Iterator[Database]:
    """The database for as long as this process needs it; an embedded one is started if need be."""
    if settings.database_url is not None:
        owner = settings.migration_database_url or settings.database_url
        yield Database(app_url=settings.database_url, owner_url=owner, embedded=None)
        return
    with EmbeddedPostgres.hold(embedded_directory(settings), bin_dir=settings.pg_bin) as server:
        yield Database(app_url=server.app_url, owner_url=server.owner_url, embedded=server)
