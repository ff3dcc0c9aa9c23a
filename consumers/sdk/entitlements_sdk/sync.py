"""The same client for threads: an event loop of its own in one thread, memory shared by all."""

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from entitlements_sdk.client import Entitlements
from entitlements_sdk.decision import Decision
from entitlements_sdk.principal import Principal

_T = TypeVar("_T")


class SyncEntitlements:
    """`Entitlements` for code that is not asynchronous; safe to share between threads.

    A check that memory can answer never leaves the calling thread.

    Args:
        client: an `Entitlements` that was not started yet, which belongs to this from now on.
    """

    def __init__(self, client: Entitlements) -> None:
        self._client = client
        self._check_at_once = client.check_at_once
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="entitlements_sdk", daemon=True
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """See `Entitlements.start`."""
        if not self._thread.is_alive():
            self._thread.start()
        self._wait_for(self._client.start())

    def close(self) -> None:
        """See `Entitlements.close`; afterwards it cannot be started again."""
        if self._thread.is_alive():
            self._wait_for(self._client.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop.close()

    def check(
        self,
        org: str | int,
        key: str,
        permission: str | None = None,
        principal: Principal | None = None,
        *,
        min_version: int = 0,
    ) -> Decision:
        """See `Entitlements.check`."""
        named = org if type(org) is str else str(org)
        decision = self._check_at_once(named, key, permission, principal, min_version)
        if decision is not None:
            return decision
        return self._wait_for(
            self._client.check(org, key, permission, principal, min_version=min_version)
        )

    def allowed(
        self,
        org: str | int,
        key: str,
        permission: str | None = None,
        principal: Principal | None = None,
    ) -> bool:
        """See `Entitlements.allowed`."""
        return self.check(org, key, permission, principal).allowed

    def warm(self, orgs: Iterable[str | int]) -> int:
        """See `Entitlements.warm`."""
        return self._wait_for(self._client.warm(orgs))

    def require_keys(self, asked: Mapping[str, Iterable[str]]) -> bool:
        """See `Entitlements.require_keys`."""
        return self._wait_for(self._client.require_keys(asked))

    @property
    def listening(self) -> bool:
        """See `Entitlements.listening`."""
        return self._client.listening

    def metrics(self) -> dict[str, float]:
        """See `Entitlements.metrics`."""
        return self._client.metrics()

    def _wait_for(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()
