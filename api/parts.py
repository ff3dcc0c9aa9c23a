"""What the HTTP room is handed; it makes nothing of this itself."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Protocol
from uuid import UUID

from fastapi import Depends, Request

from api.decided import Decided
from api.tokens import TokenVerifier
from api.traffic import Traffic
from domain.actors import Provenance
from domain.batches import Undone
from domain.bulk_rows import AnyRow, Applied
from domain.bypass import Session, Use
from domain.catalog import Catalog, Key
from domain.checkpoint import CheckpointPage
from domain.facts import LedgerEvent
from domain.history import History, Recorded
from domain.ids import OrgId, Stream
from domain.orders import Answer, Order
from domain.rollout import Rollout
from domain.steering import Steer, Steered
from domain.verified import Verified
from projections.audit_pages import AuditQuery
from projections.batches import BatchPage
from projections.readiness import Readiness
from projections.rollout import Gates, Member
from projections.rows import Rows
from projections.shelf import Shelf
from projections.table import OrgTable
from projections.watch import Watch


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

    async def catalog_of(self, version: int) -> Catalog:
        """One version of the catalog; UnknownCatalogVersion where there is none."""


class Audit(Protocol):
    """The port to the audit view."""

    async def orgs_naming(self, keys: Sequence[Key], *, after: str, limit: int) -> list[OrgId]:
        """The orgs that ever had an event about one of `keys`, by id as text, after `after`."""

    async def page(self, query: AuditQuery) -> tuple[list[Recorded], int]:
        """The events that match, and the position up to which the view knows everything."""

    async def everything(self, query: AuditQuery) -> AsyncIterator[list[Recorded]]:
        """Every event there is by now that matches, in pages; Unavailable where it cannot be."""


class Batches(Protocol):
    """The port to what is asked of many orgs at once."""

    async def apply(
        self,
        rows: Sequence[AnyRow],
        *,
        batch_id: str,
        dry_run: bool = False,
        plan_token: str | None = None,
    ) -> Applied:
        """Apply rows, all or none of each org's, each org once ever under that id."""

    async def show(self, batch_id: str, *, after: str, limit: int) -> BatchPage:
        """What a batch did, and its orgs after `after`; UnknownBatch where there is none."""

    async def undo(
        self,
        batch_id: str,
        *,
        by: Provenance,
        dry_run: bool = False,
        plan_token: str | None = None,
    ) -> Undone:
        """Compensate a batch org by org, once ever; UnknownBatch where there is none."""


class Integrity(Protocol):
    """The port to verification and to what is kept outside the database."""

    async def verify(self, org: OrgId | None = None) -> Verified:
        """Verify the whole log, or one org's events; UnknownOrg where there are none."""

    async def checkpoints(self, *, after: int, limit: int) -> CheckpointPage:
        """The checkpoints after a line of the file, at most `limit`, and every key."""


class Rollouts(Protocol):
    """The port to the rollout of gating."""

    async def rollout(self) -> Rollout:
        """The rollout as the ledger has it now."""

    async def known_at(self, known_at: datetime | None) -> tuple[Rollout, list[Recorded]]:
        """The rollout by what had been recorded at an instant, and the facts it came from."""

    async def steer(
        self,
        commands: Sequence[Steer],
        *,
        by: Provenance,
        command_id: UUID | None = None,
        fingerprint: bytes = b"",
        dry_run: bool = False,
    ) -> Steered:
        """Carry out commands on the rollout, all or none, or raise a Refusal."""

    async def readiness(self, *, share: int, after: str, limit: int) -> Readiness:
        """What is known before a share is enforced, with a page of the orgs it would deny."""

    async def cohort(
        self, *, share: int | None, tag: str | None, after: str, limit: int
    ) -> list[Member]:
        """The registered orgs within a share of hundredths of a percent, or under a tag."""


class BypassSessions(Protocol):
    """The port to the sessions of super admins."""

    async def open(self, org: OrgId, *, minutes: int, by: Provenance) -> Session:
        """Open a session; InvalidMinutes where it would last too long."""

    async def find(self, session_id: str) -> Session:
        """A session, whether it is open or over; UnknownSession where there is none."""

    async def running(self, session_id: str, *, org: OrgId, actor: str) -> Session:
        """A session that is open, of this actor and for this org, or a Refusal."""

    async def close(self, session_id: str, *, by: Provenance) -> tuple[Session, bool]:
        """Close a session; also says whether it was open."""


class BypassUses(Protocol):
    """The port to what is recorded of bypasses."""

    async def record(self, use: Use, *, by: Provenance) -> int | None:
        """Commit a use; its position, None for one counted; Unavailable: it must not be allowed."""

    async def refuse(self, use: Use, *, why: str, by: Provenance) -> None:
        """Record that a super admin was denied what may not be bypassed."""


class Bypasses(Protocol):
    """The port to the bypass."""

    @property
    def sessions(self) -> BypassSessions:
        """The sessions."""

    @property
    def uses(self) -> BypassUses:
        """What is recorded."""

    def forbidden(self, key: Key) -> str | None:
        """Why a key must not be bypassed, None where it may be."""


class Clock(Protocol):
    """The ledger's clock."""

    def now(self) -> datetime:
        """Aware, in UTC, and never earlier than before."""


class TestClock(Protocol):
    """The port to a clock that may be set forward, in test mode."""

    async def advance(self, *, to: datetime) -> Sequence[str]:
        """Set the clock to an instant after now; answers for what it was waited."""


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
    rows: Rows
    watch: Watch
    shelf: Shelf
    histories: Histories
    audit: Audit
    batches: Batches
    integrity: Integrity
    gates: Gates
    rollouts: Rollouts
    bypasses: Bypasses
    clock: Clock
    tokens: TokenVerifier
    stream_key: bytes  # signs the URLs of event streams
    readiness: Callable[[], Awaitable[list[Check]]]
    traffic: Traffic
    decided: Decided
    metrics: Callable[[str], Awaitable[tuple[bytes, str]]]  # for an Accept header: body and type
    public_base_url: str | None = None
    test_clock: TestClock | None = None


async def parts_of(request: Request) -> ApiParts:
    """The parts that the application was created with."""
    parts: ApiParts = request.app.state.parts
    return parts


Parts = Annotated[ApiParts, Depends(parts_of)]
