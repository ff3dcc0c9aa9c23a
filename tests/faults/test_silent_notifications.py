"""Notifications are lost on the way: the feed tells all the same, as it also looks by itself."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime
from functools import partial

import psycopg
import pytest
from psycopg import AsyncConnection, Notify

from infra.database import Database
from infra.store.connections import connect
from projections.feed import Feed
from tests.faults.conftest import Rounds
from tests.faults.proxy import Proxy
from tests.infra.store.world import append, call, until

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]


class Heard:
    """A subscriber that writes down what it is told."""

    def __init__(self) -> None:
        self.streams: list[str] = []

    def told_time(self, now: datetime) -> None:
        """Not what this is about."""

    def stream_moved(self, stream: str, *, version: int, position: int) -> None:
        self.streams.append(stream)

    def start_over(self) -> None:
        """At the first poll."""

    def has(self, stream: str) -> bool:
        return stream in self.streams


class OnlyNotified(AsyncConnection):
    """The mutant: who waits on it waits for a notification, however long that takes."""

    async def notifies(
        self,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        stop_after: int | None = None,
    ) -> AsyncGenerator[Notify, None]:
        async for notification in super().notifies(timeout=None, stop_after=stop_after):
            yield notification


async def following(
    dial: Callable[[], Awaitable[AsyncConnection]],
) -> tuple[Feed, Heard]:
    """A feed that follows, and what it tells."""
    heard = Heard()
    feed = Feed(dial, subscriber=heard, monotonic=time.monotonic)
    await feed.start()
    return feed, heard


@pytest.mark.soak
async def test_a_feed_that_hears_no_notification_tells_all_the_same(
    database: Database, rounds: Rounds
) -> None:
    """Again and again; one that only waits for notifications has told nothing by then."""
    with (
        Proxy(database.app_url) as proxy,
        psycopg.connect(database.app_url, autocommit=True) as writer,
    ):
        ours, heard = await following(partial(connect, proxy.url))
        mutant, mutants = await following(partial(OnlyNotified.connect, proxy.url, autocommit=True))
        try:
            call(writer, append("heard"))
            await until(lambda: heard.streams == mutants.streams == ["heard"])

            proxy.deaf = True
            for number in range(rounds(3, at_hundred=200)):
                call(writer, append(f"org-{number}"))
                await until(partial(heard.has, f"org-{number}"))
            assert mutants.streams == ["heard"]

            proxy.deaf = False
            call(writer, append("last"))
            await until(lambda: heard.streams[-1] == mutants.streams[-1] == "last")
            assert heard.streams == mutants.streams
        finally:
            await ours.close()
            await mutant.close()


async def test_a_feed_whose_connection_ends_goes_on_where_it_was(database: Database) -> None:
    """What happened in between is told, once and in order."""
    with (
        Proxy(database.app_url) as proxy,
        psycopg.connect(database.app_url, autocommit=True) as writer,
    ):
        feed, heard = await following(partial(connect, proxy.url))
        try:
            call(writer, append("before"))
            await until(lambda: heard.streams == ["before"])

            proxy.cut()
            call(writer, append("meanwhile"))
            proxy.mend()

            call(writer, append("after"))
            await until(lambda: heard.streams[-1] == "after")
            assert heard.streams == ["before", "meanwhile", "after"]
        finally:
            await feed.close()
