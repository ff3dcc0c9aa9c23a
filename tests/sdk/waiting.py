"""Waits for what must come, with a deadline that says nothing about speed."""

import asyncio
import time
from collections.abc import Awaitable, Callable

PATIENCE = 30.0  # seconds


def until(so: Callable[[], object], what: str) -> None:
    """Wait in a thread until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.005)


async def eventually(so: Callable[[], object], what: str) -> None:
    """Wait on an event loop until it is so."""
    deadline = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        await asyncio.sleep(0.005)


async def comes_true(ask: Callable[[], Awaitable[object]], what: str) -> None:
    """Ask until the answer is yes."""
    deadline = time.monotonic() + PATIENCE
    while not await ask():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        await asyncio.sleep(0.005)
