"""A small ledger on a real socket, and clients of it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from entitlements_sdk import Entitlements
from tests.sdk.ledger import SmallLedger
from tests.sdk.serving import Served
from tests.sdk.waiting import eventually

ClientOf = Callable[..., Awaitable[Entitlements]]


@pytest.fixture
def ledger() -> SmallLedger:
    """A ledger with one org that has CRM."""
    small = SmallLedger()
    small.set(42, crm="enabled")
    return small


@pytest.fixture
def served(ledger: SmallLedger) -> Iterator[Served]:
    """The ledger over HTTP."""
    with Served(ledger.app) as served:
        yield served


@pytest.fixture
async def client(served: Served) -> AsyncIterator[ClientOf]:
    """Makes clients, which listen before they are handed out."""
    async with AsyncExitStack() as stack:

        async def made(*, listening: bool = True, **options: Any) -> Entitlements:
            entitlements = Entitlements(served.address, token="t", **options)
            await stack.enter_async_context(entitlements)
            if listening:
                await eventually(lambda: entitlements.listening, "a heartbeat")
            return entitlements

        yield made
