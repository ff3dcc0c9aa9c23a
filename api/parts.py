"""What the HTTP room is handed; it makes nothing of this itself."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request

from api.tokens import TokenVerifier
from domain.actors import Provenance
from domain.catalog import Catalog, Key
from domain.checkpoint import CheckpointPage
from domain.facts import LedgerEvent
from domain.history import History, Recorded
from domain.ids import OrgId, Stream
from domain.orders import Answer, Order
from domain.verified import Verified
from projections.audit_pages import AuditQuery
from projections.shelf import Shelf
from projections.table import OrgTable


class Ledger(Protocol):
    """The port to the write side."""

    async def execute(self, order: Order) -> Answer:
        """Carry out an order or raise a Refusal."""

    async def note(
        self, stream: Stream, fact: type[LedgerEvent], *, by: Provenance, **content: Any
    ) -> int:
        """Append one fact to a stream that belongs to no org; answers its position."""

    def reading(self) -> AbstractAsyncContextManager[Any]:
        """A database connection to hand to a projection's reading function."""


class Histories(Protocol):
    """The port to the log as it was."""

    async def of(self, org_id: OrgId, *, known_at: datetime | None = None) -> History:
        """Every fact of an org that was recorded by `known_at`; UnknownOrg where there is none."""

    async def catalog_at(self, at: datetime) -> Catalog:
        """The catalog in force at an instant, the first one for anything earlier."""


class Audit(Protocol):
    """The port to the audit view."""

    async def orgs_naming(self, keys: Sequence[Key], *, after: str, limit: int) -> list[OrgId]:
        """The orgs that ever had an event about one of `keys`, by id as text, after `after`."""

    async def page(self, query: AuditQuery) -> tuple[list[Recorded], int]:
        """The events that match, and the position up to which the view knows everything."""

    async def everything(self, query: AuditQuery) -> AsyncIterator[list[Recorded]]:
        """Every event there is by now that matches, in pages; Unavailable where it cannot be."""


class Integrity(Protocol):
    """The port to verification and to what is kept outside the database."""

    async def verify(self, org: OrgId | None = None) -> Verified:
        """Verify the whole log, or one org's events; UnknownOrg where there are none."""

    async def checkpoints(self, *, after: int, limit: int) -> CheckpointPage:
        """The checkpoints after a line of the file, at most `limit`, and every key."""


class Clock(Protocol):
    """The ledger's clock."""

    def now(self) -> datetime:
        """Aware, in UTC, and never earlier than before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of readiness; `facts` are numbers a person on call wants to see."""

    name: str
    ok: bool
    facts: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class ApiParts:
    """The parts of one process that HTTP needs."""

    ledger: Ledger
    table: OrgTable
    shelf: Shelf
    histories: Histories
    audit: Audit
    integrity: Integrity
    clock: Clock
    tokens: TokenVerifier
    readiness: Callable[[], Awaitable[list[Check]]]


def parts_of(request: Request) -> ApiParts:
    """The parts that the application was created with."""
    parts: ApiParts = request.app.state.parts
    return parts


Parts = Annotated[ApiParts, Depends(parts_of)]
