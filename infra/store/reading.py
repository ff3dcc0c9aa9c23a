"""Reading from the ledger's database, so that callers understand what goes wrong."""

from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from domain.refusals import Unavailable

AWAY = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.TransactionTimeout,
    psycopg.errors.ReadOnlySqlTransaction,
)
"""What a reader gets when the database cannot answer; newer servers time transactions out."""


class Reading:
    """A pooled connection whose failures are refusals that callers understand."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._lease = pool.connection()

    async def __aenter__(self) -> psycopg.AsyncConnection:
        try:
            return await self._lease.__aenter__()
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise Unavailable("The ledger's database cannot be reached.") from error

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        await self._lease.__aexit__(kind, error, trace)
        if isinstance(error, AWAY):
            raise Unavailable("The ledger's database went away.") from error
