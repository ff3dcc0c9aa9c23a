"""Working ahead: in order, so many at once, and nothing left running."""

import asyncio
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from consumers.ahead import all_of, in_order

pytestmark = pytest.mark.anyio


class Works:
    """Work that takes the longer the earlier it was asked for, and counts what is under way."""

    def __init__(self, *, failing: int | None = None) -> None:
        self.begun: list[int] = []
        self.cancelled: list[int] = []
        self.running = self.most = 0
        self._failing = failing

    async def work(self, thing: int) -> int:
        self.begun.append(thing)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            for _ in range(20 - thing):
                await asyncio.sleep(0)
            if thing == self._failing:
                raise LookupError(thing)
            return thing * thing
        except asyncio.CancelledError:
            self.cancelled.append(thing)
            raise
        finally:
            self.running -= 1


async def test_what_work_comes_to_is_told_in_the_order_of_the_things() -> None:
    works = Works()
    assert [done async for done in in_order(range(10), works.work, at_once=4)] == [
        thing * thing for thing in range(10)
    ]
    assert (works.most, works.running) == (4, 0)


async def test_work_goes_on_while_who_asked_is_busy() -> None:
    works = Works()
    async with aclosing(in_order(range(10), works.work, at_once=3)) as done:
        assert await anext(done) == 0
        for _ in range(40):
            await asyncio.sleep(0)
        assert works.begun == [0, 1, 2, 3]


async def test_who_leaves_early_leaves_nothing_running() -> None:
    works = Works()
    async with aclosing(in_order([15, 0, 1, 2], works.work, at_once=3)) as done:
        await anext(done)
    assert (works.begun, works.cancelled, works.running) == ([15, 0, 1], [0, 1], 0)


async def test_an_error_comes_in_its_turn_and_ends_the_rest() -> None:
    works = Works(failing=2)
    done = in_order(range(10), works.work, at_once=4)
    assert [await anext(done), await anext(done)] == [0, 1]
    with pytest.raises(LookupError):
        await anext(done)
    assert works.running == 0
    assert 9 not in works.begun


async def test_things_that_cannot_be_read_leave_nothing_running() -> None:
    works = Works()

    def things() -> Iterator[int]:
        yield from (0, 1)
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="went away"):
        [done async for done in in_order(things(), works.work, at_once=4)]
    assert works.running == 0


async def test_nothing_to_work_on_is_nothing() -> None:
    assert [done async for done in in_order([], Works().work, at_once=4)] == []


async def test_an_error_among_many_is_raised_once_all_have_ended() -> None:
    works = Works(failing=19)
    with pytest.raises(LookupError):
        await all_of(works.work(thing) for thing in range(20))
    assert (works.running, works.cancelled) == (0, [])


async def test_all_that_was_asked_comes_in_order() -> None:
    assert await all_of(Works().work(thing) for thing in (3, 1, 2)) == [9, 1, 4]
