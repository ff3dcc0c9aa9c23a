"""A PostgreSQL of our own, so that the ledger runs on a machine that has no database server."""

from infra.postgres.embedded import EmbeddedPostgres
from infra.postgres.errors import PostgresUnavailable

__all__ = ["EmbeddedPostgres", "PostgresUnavailable"]
