"""A clock that is set by hand, and a ledger whose reads answer when they are told to."""

import asyncio

from domain.catalog import Key
from domain.facts import ModuleGranted, OrgRegistered
from domain.ids import OrgId, org_stream
from domain.org import Org
from tests.domain.scenario import fact


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
