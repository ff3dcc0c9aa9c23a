"""A view goes on following, whatever one attempt came to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from projections.follower import Follower
from tests.infra.store.world import until

pytestmark = pytest.mark.anyio
A_MOMENT = 0.2  # seconds, in which nothing is to happen


@asynccontextmanager
async def following(follow: Any, *, full: int = 500) -> AsyncIterator[Follower]:
    """A follower over a connection that nothing is asked of."""

    class Connection:
        async def close(self) -> None:
            """There is nothing to hang up."""

    async def connect() -> Any:
        return Connection()

    follower = Follower(connect, follow=follow, full=full, view="a view")
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


async def test_what_comes_while_a_batch_is_written_waits_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a batch that was not full there is a rest, until somebody says that more has come."""
    monkeypatch.setattr("projections.follower.LOOK_SECONDS", 60.0)
    sizes, batches = [2, 2, 1, 2, 1], list[int]()

    async def follow(connection: Any) -> int:
        await asyncio.sleep(0)
        batches.append(sizes[len(batches) % len(sizes)])
        return batches[-1]

    async with following(follow, full=2) as follower:
        await until(lambda: len(batches) >= 3)
        await asyncio.sleep(A_MOMENT)
        assert batches == [2, 2, 1]
        follower.wake()
        await until(lambda: len(batches) >= 5)
        await asyncio.sleep(A_MOMENT)
        assert batches == [2, 2, 1, 2, 1]
