"""Connections to PostgreSQL: as the application's role, with its time-outs, to a safe server."""

import asyncio
import os
import socket
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import TupleRow, tuple_row
from psycopg_pool import AsyncConnectionPool

APP_ROLE = "ledger_app"
OLDEST_SERVER = 150000

LIMITS = {
    "lock_timeout": "2s",
    "statement_timeout": "5s",
    "idle_in_transaction_session_timeout": "5s",
    "transaction_timeout": "5s",  # PostgreSQL 17; before, an append is one statement
}
ANSWER_SECONDS = 6.0  # a server that can be heard keeps its time-outs and has answered by then
CONNECT_SECONDS = 3
PATIENCE_SECONDS = 2.0  # of a request; then it is told that the ledger cannot be reached
_UNSAFE = ("fsync", "full_page_writes", "synchronous_commit")


class UnsafeDatabase(Exception):
    """The server could lose what was acknowledged, or is too old; says what to change."""


class Watched(AsyncConnection[TupleRow]):
    """A connection that breaks when the server, stopped or out of reach, does not answer at all.

    Nobody would tell us: without this, whoever asks waits for as long as the server is silent.
    """

    watched = True

    async def wait(self, gen: Any, *args: Any, **kwargs: Any) -> Any:
        """See `AsyncConnection.wait`, through which every answer comes."""
        if not self.watched:
            return await super().wait(gen, *args, **kwargs)
        watch = asyncio.get_running_loop().call_later(ANSWER_SECONDS, self._break)
        try:
            return await super().wait(gen, *args, **kwargs)
        finally:
            watch.cancel()

    def _break(self) -> None:
        if not self.closed:
            with socket.socket(fileno=os.dup(self.fileno())) as wire:
                wire.shutdown(socket.SHUT_RDWR)


class Pool(AsyncConnectionPool[AsyncConnection[TupleRow]]):
    """A pool in whose queue nobody overhears that he is to end.

    It waits by `asyncio.wait_for`, which before Python 3.12 forgets a cancellation that arrives
    together with what is waited for; the task would go on for ever, and a server with it.
    """

    async def getconn(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - as the pool has it
    ) -> AsyncConnection[TupleRow]:
        """See `AsyncConnectionPool.getconn`."""
        task = asyncio.current_task()
        told = task.cancelling() if task is not None else 0
        try:
            connection = await super().getconn(timeout)
        except Exception as error:
            if task is not None and task.cancelling() > told:
                raise asyncio.CancelledError from error
            raise
        if task is not None and task.cancelling() > told:
            await self.putconn(connection)
            raise asyncio.CancelledError
        return connection


async def connect(url: str, *, limits: bool = True) -> AsyncConnection:
    """An autocommit connection as the application's role.

    Args:
        limits: False for work that rightly takes longer than a request, such as a rebuild.
    """
    connection = await Watched.connect(
        url, autocommit=True, row_factory=tuple_row, connect_timeout=CONNECT_SECONDS
    )
    connection.watched = limits
    try:
        await prepare(connection, limits=limits)
    except BaseException:  # who gave up meanwhile cannot close what was never handed out
        await connection.close()
        raise
    return connection


async def prepare(connection: AsyncConnection, *, limits: bool = True) -> None:
    """Give a new connection the application's role and time-outs."""
    if connection.info.user != APP_ROLE:
        await connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(APP_ROLE)))
    for name, value in LIMITS.items():
        if name == "transaction_timeout" and connection.info.server_version < 170000:
            continue
        await connection.execute(
            "SELECT set_config(%s, %s, false)", (name, value if limits else "0")
        )


def reading_pool(
    url: str, *, size: int = 4, patience_seconds: float = PATIENCE_SECONDS
) -> AsyncConnectionPool:
    """The pool that reads go through; not yet open. Who waits longer for a connection gets none."""

    async def configure(connection: AsyncConnection) -> None:
        await connection.set_autocommit(True)
        await prepare(connection)

    return Pool(
        url,
        connection_class=Watched,
        kwargs={"connect_timeout": CONNECT_SECONDS},
        min_size=1,
        max_size=size,
        open=False,
        configure=configure,
        timeout=patience_seconds,
        reconnect_timeout=2.0,  # then who asks next tries anew, and no longer pause has built up
    )


def refuse_unsafe(url: str) -> None:
    """Check once, at start-up, that the server keeps what it acknowledges.

    Raises:
        UnsafeDatabase: it does not, or is older than PostgreSQL 15.
    """
    with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as connection:
        version = connection.info.server_version
        if version < OLDEST_SERVER:
            raise UnsafeDatabase(
                f"This PostgreSQL is version {version // 10000}; the ledger needs 15 or newer."
            )
        for setting in _UNSAFE:
            row = connection.execute("SELECT current_setting(%s)", (setting,)).fetchone()
            if row is None or row[0] == "off":
                raise UnsafeDatabase(
                    f"'{setting}' is off on this server: acknowledged events could be lost. "
                    f"Set {setting} = on and start again."
                )
