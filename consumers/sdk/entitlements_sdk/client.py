"""The client: answers checks from memory, asks the ledger where memory is not enough."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import httpx

from entitlements_sdk.cache import OrgCache
from entitlements_sdk.catalog import Catalog
from entitlements_sdk.clock import LedgerClock
from entitlements_sdk.decision import Decision
from entitlements_sdk.disk import SignedFile
from entitlements_sdk.judging import Judging, Question
from entitlements_sdk.keeping import Keeping
from entitlements_sdk.ledger import Ledger, Token
from entitlements_sdk.org_ids import org_id
from entitlements_sdk.policy import OnUnknown, UnknownPolicy
from entitlements_sdk.ports import AllowedAtOnce, BypassRecorder, CheckAtOnce, Follower
from entitlements_sdk.principal import Principal
from entitlements_sdk.reading import Reading
from entitlements_sdk.refusals import BypassRefused, InvalidOrgId, OutOfReach
from entitlements_sdk.watch import Watch

_log = logging.getLogger("entitlements_sdk")
_NOT_STARTED = "the client is not started"


class Entitlements:
    """Answers whether an org may use a key, and whether somebody may do something with it.

    Start it before use and close it afterwards, or use it as `async with`. All of it belongs to
    one event loop; `SyncEntitlements` is for threads.

    Args:
        ledger: the ledger's address, e.g. `https://ledger.internal`.
        token: a bearer token of a service that is held to no org, or what gives one.
        ttl_seconds: how long an entry serves without being asked for anew.
        stale_seconds: how long the last known good serves while the ledger cannot be asked; 600
            at most.
        most_orgs: how many orgs are kept in memory.
        timeout_seconds: how long one question to the ledger may take.
        on_unknown: what to answer when nobody can tell; `"unavailable"` or `"allow"`, for all or
            by key or module with `"*"` for the rest.
        file: a signed file for cold starts.
        follower: how to hear of changes; None: the ledger's `/watch`.
        bypass: records the bypasses of super admins; None: there are none.
        gated: False is the kill switch: entitlements deny nothing, permissions still do.
        transport: how to reach the ledger; None: over the network.
        clock: for tests.
    """

    def __init__(
        self,
        ledger: str,
        *,
        token: Token,
        ttl_seconds: float = 300.0,
        stale_seconds: float = 300.0,
        most_orgs: int = 50_000,
        timeout_seconds: float = 2.0,
        on_unknown: OnUnknown | Mapping[str, OnUnknown] = "unavailable",
        file: SignedFile | None = None,
        follower: Follower | None = None,
        bypass: BypassRecorder | None = None,
        gated: bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: LedgerClock | None = None,
    ) -> None:
        self._cache = OrgCache(
            clock=clock or LedgerClock(),
            ttl_seconds=ttl_seconds,
            stale_seconds=stale_seconds,
            most_orgs=most_orgs,
        )
        self._policy = UnknownPolicy(on_unknown)
        self._judging = Judging(self._cache, self._policy, gated=gated, recorded=bypass is not None)
        self._bypass = bypass
        self._follower = follower
        self._file = file
        self._stale_seconds = stale_seconds
        self._connect: Callable[[], Ledger] = lambda: Ledger(
            ledger,
            token=token,
            timeout_seconds=timeout_seconds,
            monotonic=self._cache.clock.monotonic,
            transport=transport,
        )
        self._ledger: Ledger | None = None
        self._reading: Reading | None = None
        self._keeping: Keeping | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Read the catalog, and follow the ledger from here on.

        A ledger that is away does not keep the service from starting: what a signed file holds
        serves as last known good, and the rest is answered by policy until the ledger is back.
        """
        if self._ledger is not None:
            return
        self._ledger = ledger = self._connect()
        self._reading = reading = Reading(ledger, self._cache, self._judging)
        if self._file is not None:
            self._keeping = Keeping(
                self._file, self._cache, self._judging, stale_seconds=self._stale_seconds
            )
            await self._keeping.restore()
        try:
            await reading.catalog()
        except OutOfReach as error:
            _log.warning("starting without the ledger: %s", error)
        listener = _Ears(self._cache, reading)
        follower = self._follower or Watch(ledger)
        self._begin(follower.follow(listener), "follower")
        if self._keeping is not None:
            self._begin(self._keeping.run(), "signed file")

    async def close(self) -> None:
        """Stop following, keep what is known in the signed file, and hang up."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        if self._keeping is not None:
            await self._keeping.keep()
        ledger, self._ledger, self._reading = self._ledger, None, None
        if ledger is not None:
            await ledger.http.aclose()
        if self._bypass is not None:
            await self._bypass.close()

    async def check(
        self,
        org: str | int,
        key: str,
        permission: str | None = None,
        principal: Principal | None = None,
        *,
        min_version: int = 0,
    ) -> Decision:
        """Whether the org may use the key, and the principal has the permission. Raises nothing.

        Args:
            org: the org that is asked about.
            key: `crm` or `crm.lead_management`, in any case or as an alias of the catalog.
            permission: e.g. `crm.create`; None asks about the entitlement alone.
            principal: who asks; None: the service itself, for plain questions of entitlement.
            min_version: the least `org_version` to judge by, so that a change whose answer named
                it is seen for certain.
        """
        named = org if type(org) is str else str(org)
        decision = self._judging.at_once(named, key, permission, principal, min_version)
        if decision is not None:
            return decision
        return await self._found_out(Question(named, key, permission, principal, min_version))

    async def allowed(
        self,
        org: str | int,
        key: str,
        permission: str | None = None,
        principal: Principal | None = None,
    ) -> bool:
        """`check(...).allowed`: for code that treats "no" and "nobody can tell" alike."""
        return (await self.check(org, key, permission, principal)).allowed

    @property
    def check_at_once(self) -> CheckAtOnce:
        """`check(org: str, ...)` where memory is enough; None where `check` has to be awaited.

        It may be called from any thread, and is what guards are quick by.
        """
        return self._judging.at_once

    @property
    def allowed_at_once(self) -> AllowedAtOnce:
        """`check(...).allowed` where memory is enough to allow; False: `check` has to be asked."""
        return self._judging.allowed_at_once

    async def warm(self, orgs: Iterable[str | int]) -> int:
        """Read these orgs now rather than at their first check; how many of them could be."""
        found = await asyncio.gather(*(self._warmed(str(org)) for org in orgs))
        return sum(found)

    async def require_keys(self, asked: Mapping[str, Iterable[str]]) -> bool:
        """Check keys against the catalog, each with the places that ask for it.

        False where the ledger cannot be asked and no file knows either: nothing is validated.

        Raises:
            UnknownKeys: the catalog does not have one of them.
        """
        catalog = self._judging.catalog
        if catalog is None and self._reading is not None:
            with suppress(OutOfReach):
                catalog = await self._reading.catalog()
        if catalog is None:
            return False
        catalog.require({**{key: ["on_unknown"] for key in self._policy.keys}, **asked})
        return True

    @property
    def catalog(self) -> Catalog | None:
        """The catalog that is judged by; None where it is not known yet."""
        return self._judging.catalog

    @property
    def listening(self) -> bool:
        """Whether changes are heard of; while not, every check asks the ledger."""
        return self._cache.heard(self._cache.clock.monotonic())

    def metrics(self) -> dict[str, float]:
        """The counters, by the names that dashboards know."""
        return self._judging.counters.metrics(discarded=self._cache.discarded)

    async def _found_out(self, question: Question) -> Decision:
        judging, reading = self._judging, self._reading
        judging.counters.misses += 1
        try:
            if reading is None:
                raise OutOfReach(_NOT_STARTED)
            await reading.catalog_for(question.key)
            org_id(question.org)
            decision = judging.judged(question, await reading.entry(question))
        except InvalidOrgId:
            decision = judging.nowhere(question)
        except OutOfReach as error:
            decision = judging.unknown(question, error)
        principal = question.principal
        if decision.bypassable and self._bypass is not None and principal and principal.bypass:
            decision = await self._set_aside(decision, self._bypass, principal)
        return judging.counted(decision)

    async def _set_aside(
        self, denied: Decision, recorder: BypassRecorder, principal: Principal
    ) -> Decision:
        """Write ahead: recorded first, allowed second; not recorded: not allowed."""
        try:
            await recorder.record(denied, by=principal)
        except BypassRefused as refusal:
            _log.info("a bypass was refused: %s", refusal)
            return denied
        except Exception as error:
            _log.warning("a bypass could not be recorded: %s", error)
            return self._judging.not_bypassed(denied, error)
        return self._judging.bypassed(denied)

    async def _warmed(self, org: str) -> bool:
        try:
            assert self._reading is not None, _NOT_STARTED
            await self._reading.entry(Question(org_id(org), ""))
        except (OutOfReach, InvalidOrgId):
            return False
        return True

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=f"entitlements_sdk {name}")
        task.add_done_callback(_tell_of_failure)
        self._tasks.append(task)


class _Ears:
    """What the client does about what it hears; may be called from any thread."""

    def __init__(self, cache: OrgCache, reading: Reading) -> None:
        self._cache = cache
        self._reading = reading
        self.moved = cache.moved
        self.rollout_moved = cache.rollout_moved
        self.told_time = cache.told_time

    def catalog_moved(self, version: int) -> None:
        self._cache.catalog_moved(version)
        self._reading.catalog_is_due()

    def start_over(self) -> None:
        self._cache.start_over()
        self._reading.catalog_is_due()


def _tell_of_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and task.exception() is not None:
        # Without it every check asks the ledger: right, but slow.
        _log.error("%s failed", task.get_name(), exc_info=task.exception())
