"""Blocking work beside the loop, in threads that never keep the benchmark from ending."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Result = TypeVar("Result")


async def in_thread(
    function: Callable[Given, Result], *values: Given.args, **named: Given.kwargs
) -> Result:
    """What `function` returns, or raises.

    Unlike `asyncio.to_thread`, whose threads are waited for without end when the loop closes: on
    an interruption the thread is left to itself and fails when its server stops.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)  # type: ignore[arg-type]  # None only where it is one

    def work() -> None:
        result, error = None, None
        try:
            result = function(*values, **named)
        except BaseException as raised:
            error = raised
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, daemon=True).start()
    return await outcome
