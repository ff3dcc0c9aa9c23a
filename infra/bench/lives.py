"""What happens to many orgs over two years: who grants, revokes, tries, blocks and looks it up."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any

from domain.actors import Actor, Provenance
from domain.catalog import Key
from domain.facts import (
    AccessBlocked,
    AccessUnblocked,
    AuditRead,
    CatalogPublished,
    GrantEnded,
    LedgerEvent,
    ModuleGranted,
    OrgRegistered,
    TrialConverted,
    TrialExtended,
    TrialStarted,
    common,
)
from domain.ids import AUDIT_READS_STREAM, CATALOG_STREAM, OrgId, org_stream
from domain.org import Org
from infra.bench.samples import shipped_catalog
from infra.catalog import default_document

BUSY = OrgId("1")  # one event in sixteen is about it
STEADY = OrgId("2")  # a thousand events, in any log that is long enough
CRAWLER = "siem-export"  # who in one week reads the audit log again and again
POPULAR = Key("crm")  # the module that comes and goes most
STEADY_EVENTS = 1_000
SOLD = 12  # modules that anybody is granted
CRAWLED = (0.60, 0.66)  # the part of the log in which the crawler is at it

_REASON = "agreed with the customer in writing"
_SOURCES = ("admin", "admin", "plan:pro@1", "plan:basic@2", "bundle:crm_suite", "promo:spring")
_PEOPLE = [
    Provenance(actor=Actor(id=f"admin-{number:02}", type="super_admin"), reason=_REASON)
    for number in range(1, 41)
]
_BILLING = Provenance(
    actor=Actor(id="billing-sync", type="service"), reason="the subscription changed"
)
_CRAWLER = Provenance(actor=Actor(id=CRAWLER, type="service"), reason="Exported the audit log.")


class Lives:
    """Facts without end, each of which could have happened after the ones before it."""

    def __init__(self, *, orgs: int, events: int, seed: int) -> None:
        self._most = orgs
        self._random = Random(seed)  # noqa: S311 - the same log in every run; guards nothing
        self._keys = [module.key for module in shipped_catalog().billable][:SOLD]
        self._crawled = range(int(CRAWLED[0] * events), int(CRAWLED[1] * events))
        self._steady = max(20, events // STEADY_EVENTS)
        self._reads = 0
        self.orgs: dict[OrgId, Org] = {}

    def crawled(self, number: int) -> bool:
        """Whether the event of that number falls into the crawler's week."""
        return number in self._crawled

    def facts(self, times: Iterator[datetime]) -> Iterator[LedgerEvent]:
        """One fact for each instant."""
        for number, now in enumerate(times):
            if number == 0:
                yield _published(now)
            elif self.crawled(number) and self._random.random() < 0.9:
                yield self._read(now, by=_CRAWLER)
            elif self._random.random() < 0.03:
                yield self._read(now, by=self._random.choice(_PEOPLE))
            else:
                org = self._org(number)
                fact = self._next(org, now)
                fact.mutate(org)
                yield fact

    def _org(self, number: int) -> Org:
        chosen = OrgId(str(self._random.randint(3, self._most)))
        if number % self._steady == 0:
            chosen = STEADY
        elif self._random.random() < 1 / 15:
            chosen = BUSY
        return self.orgs.setdefault(chosen, Org.blank(org_stream(chosen)))

    def _next(self, org: Org, now: datetime) -> LedgerEvent:
        if org.version == 0:
            return self._fact(OrgRegistered, org, now, name=f"Organisation {org.org_id}")
        roll = self._random.random()
        if roll < 0.08:
            return self._block(org, now)
        key = POPULAR if roll < 0.30 else self._random.choice(self._keys)
        if roll > 0.85:
            return self._trial(org, key, now)
        return self._grant(org, key, now)

    def _grant(self, org: Org, key: Key, now: datetime) -> LedgerEvent:
        """Give a module from a source, or take back what it or another has."""
        source = self._random.choice(_SOURCES[:3] if key == POPULAR else _SOURCES)
        live = [grant for grant in org.grants.values() if grant.kind == "full" and grant.live(now)]
        ending = [grant for grant in live if grant.slot == (key, source, None)]
        if not ending and key != POPULAR and self._random.random() < 0.4:
            ending = live
        if not ending:
            given = {"grant_id": _id(org), "key": key, "source": source, "source_ref": None}
            return self._fact(ModuleGranted, org, now, **given, starts=now, ends=None)
        grant = self._random.choice(ending)
        slot = {"key": grant.key, "source": grant.source, "source_ref": grant.source_ref}
        return self._fact(GrantEnded, org, now, grant_id=grant.id, **slot, ended_by="revoked")

    def _trial(self, org: Org, key: Key, now: datetime) -> LedgerEvent:
        for trial in org.grants.values():
            if trial.kind == "trial" and trial.active(now):
                return self._later(org, trial.id, trial.key, trial.ends or now, now)
        content = {"grant_id": _id(org), "key": key, "source_ref": None, "overrides": None}
        ends = now + timedelta(days=self._random.randint(7, 30))
        return self._fact(TrialStarted, org, now, **content, starts=now, ends_at=ends)

    def _later(self, org: Org, trial: str, key: Key, ends: datetime, now: datetime) -> LedgerEvent:
        if self._random.random() < 0.5:
            later = {"ends_at": ends + timedelta(days=7), "previous_ends_at": ends}
            return self._fact(TrialExtended, org, now, grant_id=trial, key=key, **later)
        given = {"trial_id": trial, "grant_id": _id(org), "source": "admin", "source_ref": None}
        return self._fact(TrialConverted, org, now, key=key, **given)

    def _block(self, org: Org, now: datetime) -> LedgerEvent:
        for block in org.blocks.values():
            lifted = {"block_id": block.id, "scope": block.scope, "category": block.category}
            return self._fact(AccessUnblocked, org, now, key=block.key, **lifted)
        where: dict[str, Any] = {"scope": "org", "key": None, "category": "suspension"}
        if self._random.random() < 0.6:
            where = {"scope": "module", "key": POPULAR, "category": "compliance"}
        return self._fact(
            AccessBlocked, org, now, block_id=_id(org), **where, starts=now, ends=None
        )

    def _read(self, now: datetime, *, by: Provenance) -> LedgerEvent:
        self._reads += 1
        place: dict[str, Any] = {
            "originator_id": AUDIT_READS_STREAM,
            "originator_version": self._reads,
        }
        content = {"query": {"limit": 50, "newest_first": True}, "export": False}
        return AuditRead(**place, **common(now=now, by=by, effective_at=now), **content)

    def _fact(
        self, kind: type[LedgerEvent], org: Org, now: datetime, **content: Any
    ) -> LedgerEvent:
        by = self._random.choice(_PEOPLE)
        if self._random.random() < 0.2:
            by = _billing(now.year, now.month, now.day)
        place: dict[str, Any] = {"originator_id": org.id, "originator_version": org.version + 1}
        return kind(**place, **common(now=now, by=by, effective_at=now), **content)


@lru_cache(maxsize=2)
def _billing(year: int, month: int, day: int) -> Provenance:
    """What the billing system does in a day is one batch."""
    return replace(_BILLING, batch_id=f"billing-{year}-{month:02}-{day:02}")


def _published(now: datetime) -> LedgerEvent:
    place: dict[str, Any] = {"originator_id": CATALOG_STREAM, "originator_version": 1}
    content = {"document": default_document(), "changes": ["added all"], "forced": False}
    return CatalogPublished(**place, **common(now=now, by=_BILLING, effective_at=now), **content)


def _id(org: Org) -> str:
    return f"{org.org_id}-{org.version + 1}"
