"""A clock that is set by hand, a ledger whose reads answer when told to, a table over both."""

import asyncio

from domain.catalog import Key
from domain.facts import ModuleGranted, OrgRegistered
from domain.ids import OrgId, org_stream
from domain.org import Org
from projections.table import Entry, OrgTable
from tests.domain.scenario import fact

ACME = OrgId("1042")
AJAX = OrgId("2001")
TTL = 300.0


class HandClock:
    """Seconds on a clock that goes on only when told."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


class FakeLedger:
    """Orgs at the version last committed; a read sees the version of the moment it began."""

    def __init__(self) -> None:
        self.versions: dict[OrgId, int] = {}
        self.waiting: list[asyncio.Future[None]] = []
        self.reads = 0
        self.slow = False
        self.broken: Exception | None = None

    async def fetch(self, org_id: OrgId) -> Org | None:
        self.reads += 1
        version = self.versions.get(org_id)
        if self.slow:
            answered = asyncio.get_running_loop().create_future()
            self.waiting.append(answered)
            await answered
        if self.broken is not None:
            raise self.broken
        return None if version is None else org_at(org_id, version)

    def answer(self, number: int = 0) -> None:
        """Let one of the reads that are under way come to its end."""
        self.waiting.pop(number).set_result(None)


def org_at(org_id: OrgId, version: int) -> Org:
    """An org after so many facts; which they are does not matter."""
    org = Org.blank(org_stream(org_id))
    grant = fact(ModuleGranted, key=Key("crm"))
    for place in range(1, version + 1):
        described = fact(OrgRegistered) if place == 1 else grant
        described.completed(org.id, place).mutate(org)
    return org


class World:
    """A table over a fake ledger that holds one org at version 2, and a feed that is heard."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.ledger = FakeLedger()
        self.ledger.versions[ACME] = 2
        self.heard = True
        self.table = OrgTable(
            fetch=self.ledger.fetch,
            current=lambda: self.heard,
            ttl_seconds=TTL,
            monotonic=self.clock,
        )

    async def asked(self, org: OrgId = ACME, *, min_version: int = 0) -> asyncio.Task[Entry]:
        """Somebody asks, and waits for as long as the ledger does not answer."""
        task = asyncio.create_task(self.table.get(org, min_version=min_version))
        await settled()
        return task

    async def version(self, *, min_version: int = 0) -> int:
        return (await self.table.get(ACME, min_version=min_version)).version

    def committed(self, version: int, *, org: OrgId = ACME, told: bool = True) -> None:
        """Another process commits; the feed may tell of it or not yet."""
        self.ledger.versions[org] = version
        if told:
            self.table.moved(org, version=version)


async def settled() -> None:
    """Everything that can go on has gone on."""
    for _ in range(10):
        await asyncio.sleep(0)
