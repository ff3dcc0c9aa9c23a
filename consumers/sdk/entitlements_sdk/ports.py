"""The seams: what follows the ledger, what it tells, and what records a bypass."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from entitlements_sdk.decision import Decision
from entitlements_sdk.principal import Principal


class CheckAtOnce(Protocol):
    """See `Entitlements.check_at_once`."""

    def __call__(
        self,
        org: str,
        raw: str,
        permission: str | None = None,
        principal: Principal | None = None,
        min_version: int = 0,
    ) -> Decision | None:
        """The decision, where memory is enough."""
        ...


class AllowedAtOnce(Protocol):
    """See `Entitlements.allowed_at_once`."""

    def __call__(
        self, org: str, raw: str, permission: str | None, principal: Principal | None
    ) -> bool:
        """Whether memory is enough to allow."""
        ...


class Client(Protocol):
    """What guards need of `Entitlements`, and tests find in `FakeEntitlements`."""

    async def start(self) -> None:
        """Be ready to answer."""

    async def close(self) -> None:
        """Answer no more."""

    async def check(
        self,
        org: str | int,
        key: str,
        permission: str | None = None,
        principal: Principal | None = None,
        *,
        min_version: int = 0,
    ) -> Decision:
        """See `Entitlements.check`."""
        ...

    @property
    def check_at_once(self) -> CheckAtOnce:
        """See `Entitlements.check_at_once`."""
        ...

    @property
    def allowed_at_once(self) -> AllowedAtOnce:
        """See `Entitlements.allowed_at_once`."""
        ...

    async def require_keys(self, asked: Mapping[str, Iterable[str]]) -> bool:
        """See `Entitlements.require_keys`."""
        ...


class Listener(Protocol):
    """Hears what changed. Every call returns at once and may be made from any thread."""

    def moved(self, org: str, version: int) -> None:
        """The org is at `version` or newer."""

    def catalog_moved(self, version: int) -> None:
        """The catalog is at `version` or newer."""

    def rollout_moved(self, version: int) -> None:
        """The rollout is at `version` or newer."""

    def start_over(self) -> None:
        """News may have been missed, or the log is another one: forget everything."""

    def told_time(self, ledger_seconds: float) -> None:
        """It is so many seconds since 1970 at the ledger, and all news so far has been told."""


class Follower(Protocol):
    """A way to hear of changes: Server-Sent Events, or a topic."""

    async def follow(self, listener: Listener) -> None:
        """Tell the listener, for as long as nobody cancels; mend what breaks by itself.

        Must call `start_over` before its first `told_time`, and `told_time` about once a second
        while, and only while, nothing can have been missed.
        """


class BypassRecorder(Protocol):
    """Writes a super admin's bypass into the ledger, before it is allowed."""

    async def record(self, denied: Decision, *, by: Principal) -> None:
        """Return once the bypass of this denial is committed.

        Raises:
            BypassRefused: the ledger does not let this be bypassed, so the denial stands.
            OutOfReach: it could not be recorded, so there must be no bypass.
        """

    async def close(self) -> None:
        """Let go of what it holds; the client does so when it is closed itself."""
