"""Keeps a following view up to date: woken by the feed, and looking once a second all the same."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

import psycopg
from psycopg import AsyncConnection

LOOK_SECONDS = 1.0
TOGETHER_SECONDS = 0.01  # after a wake-up, so that what comes at once is followed at once
_PAUSE_SECONDS = 0.2

log = logging.getLogger("entitlements.views")

Follow = Callable[[AsyncConnection], Awaitable[int]]


class Follower:
    """One view, brought on in batches until the end, then again at every wake-up.

    Several processes may run one for the same view: whoever holds its cursor does the work.

    Args:
        follow: brings the view on by a batch and says by how many events.
        full: how many a batch has that may not have come to the end. What comes meanwhile goes with
            the next wake-up: a few at a time cost more than many at once.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[AsyncConnection]],
        *,
        follow: Follow,
        full: int,
        view: str,
    ) -> None:
        self._connect = connect
        self._follow = follow
        self._full = full
        self._view = view
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow; needs a running loop."""
        self._task = asyncio.create_task(self._run(), name=f"follow {self._view}")

    def wake(self) -> None:
        """There is something new."""
        self._wake.set()

    async def close(self) -> None:
        """Stop following."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        connection: AsyncConnection | None = None
        try:
            while True:
                try:
                    connection = connection or await self._connect()
                    while await self._follow(connection) >= self._full:
                        pass
                except psycopg.Error:
                    if connection is not None:
                        with contextlib.suppress(Exception):
                            await connection.close()
                    connection = None
                    await asyncio.sleep(_PAUSE_SECONDS)
                except Exception:  # a view that stands still without a word helps nobody
                    log.exception("The view %s does not follow at the moment.", self._view)
                    await asyncio.sleep(_PAUSE_SECONDS)
                await self._rest()
        finally:
            if connection is not None:
                await connection.close()

    async def _rest(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._wake.wait()
            await asyncio.sleep(TOGETHER_SECONDS)
        self._wake.clear()
