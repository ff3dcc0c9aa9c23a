"""A view goes on following, whatever one attempt came to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from projections.follower import Follower

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def following(follow: Any) -> AsyncIterator[Follower]:
    """A follower over a connection that nothing is asked of."""

    class Connection:
        async def close(self) -> None:
            """There is nothing to hang up."""

    async def connect() -> Any:
        return Connection()

    follower = Follower(connect, follow=follow, view="a view")
    follower.start()
    try:
        yield follower
    finally:
        await follower.close()


async def test_an_error_nobody_thought_of_is_told_and_the_view_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A task that ended without a word would leave the view where it is for ever."""
    followed = asyncio.Event()
    failures = [LookupError("what is this?")]

    async def follow(connection: Any) -> int:
        if failures:
            raise failures.pop()
        followed.set()
        return 0

    async with following(follow) as follower:
        follower.wake()
        async with asyncio.timeout(30):
            await followed.wait()
    assert "a view does not follow" in caplog.text
