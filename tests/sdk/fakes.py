"""A clock that is set by hand, and a follower that tells what a test tells it."""

import asyncio

from entitlements_sdk.clock import LedgerClock
from entitlements_sdk.ports import Listener
from tests.sdk.waiting import eventually


class HandClock:
    """This machine's clocks, which go on only when told."""

    def __init__(self, wall: float = 1_700_000_000.0) -> None:
        self.wall = wall
        self.seconds = 1_000.0

    def go_on(self, seconds: float) -> None:
        self.wall += seconds
        self.seconds += seconds

    def ledger_clock(self) -> LedgerClock:
        return LedgerClock(wall=lambda: self.wall, monotonic=lambda: self.seconds)


class Told:
    """A follower that a test speaks through."""

    def __init__(self) -> None:
        self.listener: Listener | None = None

    async def follow(self, listener: Listener) -> None:
        self.listener = listener
        await asyncio.Event().wait()

    async def ears(self) -> Listener:
        """Whoever listens, once they do."""
        await eventually(lambda: self.listener, "the follower to be started")
        assert self.listener is not None
        return self.listener
