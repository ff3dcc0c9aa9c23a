"""Samples are taken in turns, and closed loops keep as many waiting as they should."""

import asyncio
import time
from collections import Counter

import pytest

from infra.bench.rounds import Sample, Spoiled, closed_loop, in_turns, require, threads_loop

pytestmark = pytest.mark.anyio


async def test_arms_take_turns_and_the_first_round_does_not_count() -> None:
    """A B A B …, so that whatever the machine does meets both."""
    order: list[str] = []

    async def one(name: str) -> Sample:
        order.append(name)
        return Sample(len(order), 1.0)

    taken = await in_turns({"A": lambda: one("A"), "B": lambda: one("B")}, rounds=3)

    assert "".join(order) == "ABABABAB"
    assert [sample.count for sample in taken["A"]] == [3, 5, 7]
    assert [sample.count for sample in taken["B"]] == [4, 6, 8]


async def test_a_closed_loop_has_as_many_acts_under_way_as_wait() -> None:
    """Each of them numbered, each again as soon as it is done."""
    under_way, most = Counter[int](), 0

    async def act(number: int) -> None:
        nonlocal most
        under_way[number] += 1
        most = max(most, under_way.total())
        await asyncio.sleep(0.001)
        under_way[number] -= 1

    sample = await closed_loop(act, waiting=4, seconds=0.02)

    assert most == 4
    assert set(under_way) == {0, 1, 2, 3}
    assert sample.count == len(sample.latencies) > 4


async def test_threads_are_numbered_too() -> None:
    """Every thread has a connection of its own by its number."""
    seen: set[int] = set()

    def act(number: int) -> None:
        seen.add(number)
        time.sleep(0.001)

    sample = await threads_loop(act, threads=3, seconds=0.1)

    assert seen == {0, 1, 2}
    assert sample.count == len(sample.latencies)


def test_percentiles_are_in_milliseconds() -> None:
    """The hundredth part of a hundred and one evenly spaced latencies."""
    sample = Sample(101, 1.0, [number / 1000 for number in range(101)])

    assert sample.milliseconds(50) == pytest.approx(50)
    assert sample.milliseconds(99) == pytest.approx(99)


def test_a_wrong_answer_spoils_the_run() -> None:
    """No figure is better than one of something that did not happen."""
    with pytest.raises(Spoiled, match="conflict"):
        require(False, "conflict")
