"""The event loop that everything runs on: the server's, uvloop where it is installed."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """What `work` comes to, on a loop of its own."""
    from uvicorn import Config  # late: a command that only prints help has no need of it

    with asyncio.Runner(loop_factory=Config("").get_loop_factory()) as runner:
        return runner.run(work)
