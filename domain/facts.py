"""What can happen, as frozen and flat facts; a released one is never edited, a v2 follows it."""

from dataclasses import fields
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

from eventsourcing.domain import CanMutateAggregate, MetaDomainEvent

from domain.actors import Provenance
from domain.catalog import Key
from domain.ids import uuid7
from domain.lanes import Category, Edge, EndedBy, Scope


class LedgerEvent(CanMutateAggregate[str], metaclass=MetaDomainEvent):
    """One fact of one stream.

    `originator_id` is the stream, `originator_version` the place in it (an org's `org_version`).
    `timestamp` is the instant the command was judged at, on the ledger's clock; the database adds
    `recorded_at` and the position when it stores the fact. `effective_at` is when it takes effect.
    """

    TOPIC: ClassVar[str]
    BY_TOPIC: ClassVar[dict[str, "type[LedgerEvent]"]] = {}

    originator_id: str
    originator_version: int
    timestamp: datetime
    event_id: UUID
    actor: str
    actor_type: str
    on_behalf_of: str | None
    reason: str
    ticket: str | None
    correlation_id: str | None
    causation_id: str | None
    batch_id: str | None
    traceparent: str | None
    effective_at: datetime

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "TOPIC" in cls.__dict__:
            LedgerEvent.BY_TOPIC[cls.TOPIC] = cls

    def apply(self, aggregate: Any) -> None:
        aggregate.evolve(self)


class NewerFact(LedgerEvent):
    """A fact that a newer version wrote: its `body` stands as it was stored, and changes nothing.

    What every fact carries is read from the body as far as it is there; `TOPIC` is the stored one.
    """

    body: dict[str, Any]


Fact = TypeVar("Fact", bound=LedgerEvent)


class OrgEvent(LedgerEvent):
    """A fact of one org."""


class OrgRegistered(OrgEvent):
    """The org exists from now on; nothing is granted yet."""

    TOPIC = "entitlements.OrgRegistered.v1"

    name: str


class ModuleGranted(OrgEvent):
    """`source` gives full access to `key` in `[starts, ends)`; no end means until revoked."""

    TOPIC = "entitlements.ModuleGranted.v1"

    grant_id: str
    key: Key
    source: str
    source_ref: str | None
    starts: datetime
    ends: datetime | None


class TrialStarted(OrgEvent):
    """From `starts` on the org may use `key`, up to but not including `ends_at`.

    `overrides` is the earlier trial that a super admin set aside, if any.
    """

    TOPIC = "entitlements.TrialStarted.v1"

    grant_id: str
    key: Key
    source_ref: str | None
    starts: datetime
    ends_at: datetime
    overrides: str | None


class TrialExtended(OrgEvent):
    """The running trial now ends at `ends_at` instead of at `previous_ends_at`."""

    TOPIC = "entitlements.TrialExtended.v1"

    grant_id: str
    key: Key
    ends_at: datetime
    previous_ends_at: datetime


class TrialConverted(OrgEvent):
    """The trial ends and a full grant begins at the same instant, `effective_at`: no gap."""

    TOPIC = "entitlements.TrialConverted.v1"

    trial_id: str
    grant_id: str
    key: Key
    source: str
    source_ref: str | None


class GrantEnded(OrgEvent):
    """The grant (or trial) ends at `effective_at`, before its own end if it had one."""

    TOPIC = "entitlements.GrantEnded.v1"

    grant_id: str
    key: Key
    source: str
    source_ref: str | None
    ended_by: EndedBy


class AccessBlocked(OrgEvent):
    """In `[starts, ends)` nothing in `scope` may be used, whatever the grants say."""

    TOPIC = "entitlements.AccessBlocked.v1"

    block_id: str
    scope: Scope
    key: Key | None
    category: Category
    starts: datetime
    ends: datetime | None


class AccessUnblocked(OrgEvent):
    """The block ends at `effective_at`; what the grants say holds again."""

    TOPIC = "entitlements.AccessUnblocked.v1"

    block_id: str
    scope: Scope
    key: Key | None
    category: Category


class ScheduleCancelled(OrgEvent):
    """What was to begin or end at `cancelled` will not; `[starts, ends)` are its terms from now on.

    A start that was cancelled leaves an empty interval: the grant or block never begins.
    """

    TOPIC = "entitlements.ScheduleCancelled.v1"

    grant_id: str | None
    block_id: str | None
    scope: Scope | None
    key: Key | None
    category: Category | None
    source: str | None
    source_ref: str | None
    edge: Edge
    cancelled: datetime
    starts: datetime
    ends: datetime | None
    ended_by: EndedBy | None


class BoundaryCrossed(OrgEvent):
    """Time passed `boundaries`; everything up to `boundary`, the last one, is accounted for.

    `changed` has the states before and after of each key whose effective state is another. That it
    is so needs no fact: this one is for those who would rather hear of it than work it out.
    """

    TOPIC = "entitlements.BoundaryCrossed.v1"

    boundary: datetime
    boundaries: list[str]
    changed: dict[str, list[str]]


class TrialEnding(OrgEvent):
    """The trial of `key` has at most `days` days left; what is due up to `boundary` was told."""

    TOPIC = "entitlements.TrialEnding.v1"

    grant_id: str
    key: Key
    ends_at: datetime
    days: int
    boundary: datetime


class CatalogPublished(LedgerEvent):
    """From now on the catalog is `document`; its version is this fact's place in the stream."""

    TOPIC = "entitlements.CatalogPublished.v1"

    document: dict[str, Any]
    changes: list[str]
    forced: bool


class AuditRead(LedgerEvent):
    """Somebody read the audit log: what was asked for, as a page or as a whole."""

    TOPIC = "entitlements.AuditRead.v1"

    query: dict[str, Any]
    export: bool


def common(*, now: datetime, by: Provenance, effective_at: datetime | None) -> dict[str, Any]:
    """What every fact carries beside its content."""
    return {
        "timestamp": now,
        "event_id": uuid7(now),
        "actor": by.actor.id,
        "actor_type": by.actor.type,
        "on_behalf_of": by.actor.on_behalf_of,
        "reason": by.reason,
        "ticket": by.ticket,
        "correlation_id": by.correlation_id,
        "causation_id": by.causation_id,
        "batch_id": by.batch_id,
        "traceparent": by.traceparent,
        "effective_at": effective_at or now,
    }


def happened(fact: type[Fact], content: dict[str, Any]) -> Fact:
    """What `fact(**content)` gives, at a third of the cost: a frozen class sets field by field.

    `content` becomes the fact's own.
    """
    if content.keys() != _every_name(fact):
        return fact(**content)  # which says what is missing, or too much
    made = object.__new__(fact)
    object.__setattr__(made, "__dict__", content)
    return made


@cache
def field_names(fact: type[LedgerEvent]) -> tuple[str, ...]:
    """The fields of a fact in the order in which it is written."""
    return tuple(field.name for field in fields(cast("Any", fact)))


@cache
def _every_name(fact: type[LedgerEvent]) -> frozenset[str]:
    return frozenset(field_names(fact))
