"""Opens the shared cache, where one is configured."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from infra.settings import Settings, SettingsProblem
from infra.sharing.scripts import Keys
from infra.sharing.shared import SharedOrgs
from projections.feed import Feed
from projections.table import OrgTable

_SECONDS = 0.25


class Hearing(Protocol):
    """Who passes on what is heard."""

    shared: SharedOrgs | None


@asynccontextmanager
async def sharing(
    settings: Settings, *, feed: Feed, ears: Hearing, table: OrgTable
) -> AsyncIterator[SharedOrgs | None]:
    """Share what is read while the block runs; None without `LEDGER_REDIS_URL`.

    It begins where the feed is: a start is no reason to forget what others left.
    """
    if settings.redis_url is None:
        yield None
        return
    shared = shared_orgs(
        settings, settings.redis_url, place=lambda: (feed.position, feed.current())
    )
    shared.start()
    ears.shared = table.shared = shared
    try:
        yield shared
    finally:
        ears.shared = table.shared = None
        await shared.close()


@asynccontextmanager
async def passing_on(settings: Settings, ears: Hearing) -> AsyncIterator[None]:
    """Leave floors for what `ears` hear of, while the block runs.

    Whoever has no place in the log of its own cannot say that nothing was missed: that is for the
    servers, without which nothing in Redis is served.
    """
    if settings.redis_url is None:
        yield
        return
    ears.shared = shared_orgs(settings, settings.redis_url, place=lambda: (0, False))
    ears.shared.start()
    try:
        yield
    finally:
        await ears.shared.close()


def shared_orgs(
    settings: Settings, url: str, *, place: Callable[[], tuple[int, bool]]
) -> SharedOrgs:
    """The shared cache, not started.

    Raises:
        SettingsProblem: the address cannot be understood.
    """
    try:
        redis = Redis.from_url(
            url,
            socket_timeout=_SECONDS,
            socket_connect_timeout=_SECONDS,
            retry=Retry(NoBackoff(), 0),  # the database is no slower than a second attempt
        )
    except ValueError as error:
        raise SettingsProblem(f"LEDGER_REDIS_URL: {error}") from error
    return SharedOrgs(
        redis,
        keys=Keys(settings.topic_prefix),
        ttl_seconds=settings.cache_ttl_seconds,
        place=place,
        monotonic=time.monotonic,
    )
