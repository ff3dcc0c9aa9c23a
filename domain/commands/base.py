"""What every command has in common: a context, the keys it names, and a decision."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.actors import Provenance
from domain.catalog import Catalog, Key
from domain.facts import OrgEvent
from domain.ids import uuid7_hex
from domain.instants import aware, iso
from domain.lanes import Grant, Slot
from domain.org import Org
from domain.refusals import Backdated, EmptyInterval, ModuleRetired, NotInFuture, TrialTooLong


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """When a command is judged, by which catalog, and on whose word.

    `may_backdate` is for imports from the legacy system alone. `past_blocks` are ids of blocks that
    stood once and that the org's state has forgotten.
    """

    catalog: Catalog
    now: datetime
    by: Provenance
    may_backdate: bool = False
    past_blocks: Collection[str] = ()

    def record(
        self,
        org: Org,
        fact: type[OrgEvent],
        *,
        effective_at: datetime | None = None,
        **content: Any,
    ) -> None:
        """Let `fact` happen to `org` now (or at `effective_at`)."""
        org.record(fact, content, now=self.now, by=self.by, effective_at=effective_at)

    def new_id(self) -> str:
        """An id for a grant or a block."""
        return uuid7_hex(self.now)

    def interval(
        self, starts: datetime | None, until: datetime | None
    ) -> tuple[datetime, datetime | None]:
        """`[starts, until)` with now for an absent start.

        Raises:
            NaiveTimestamp, Backdated, NotInFuture, EmptyInterval: it is not one that may be asked.
        """
        begins = self.now if starts is None else aware(starts, field="from")
        if begins < self.now and not self.may_backdate:
            raise Backdated(field="from", value=iso(begins), now=iso(self.now))
        if until is None:
            return begins, None
        ends = self.future(until)
        if ends <= begins:
            raise EmptyInterval(starts=iso(begins), until=iso(ends))
        return begins, ends

    def future(self, instant: datetime, *, field: str = "until") -> datetime:
        """`instant` in UTC, which must lie after now."""
        instant = aware(instant, field=field)
        if instant <= self.now and not self.may_backdate:
            raise NotInFuture(field=field, value=iso(instant), now=iso(self.now))
        return instant

    def trial_end(self, until: datetime, *, starts: datetime) -> datetime:
        """`until` in UTC, at most the catalog's longest trial after `starts`."""
        ends = self.future(until)
        longest = timedelta(days=self.catalog.longest_trial_days)
        if ends - starts > longest:
            raise TrialTooLong(until=iso(ends), latest=iso(starts + longest), days=longest.days)
        return ends

    def exempt(self, key: Key) -> list[str]:
        """A warning where nothing about `key` can be granted or blocked; empty where it can."""
        module = self.catalog.module(key)
        if module.exempt:
            return [f"'{module.key}' is {module.kind}: it is never gated, so nothing changes."]
        return []

    def grantable(self, key: Key) -> None:
        """Raises ModuleRetired where the catalog has retired `key`."""
        if not self.catalog.in_use(key):
            raise ModuleRetired(key)


class Command(ABC):
    """Something an actor asks of one org."""

    needs_registration = True

    def keys(self, org: Org, catalog: Catalog) -> Iterable[Key]:
        """The keys the command names, for its answer."""
        return ()

    @abstractmethod
    def decide(self, org: Org, context: Context) -> Sequence[str]:
        """Record on `org` what follows, or nothing when nothing would change.

        Returns:
            warnings for the one who asked.

        Raises:
            Refusal: it cannot be done; what was recorded until then must be thrown away.
        """


def live_grants(
    org: Org, key: Key, *, at: datetime, source: str | None = None, source_ref: str | None = None
) -> list[Grant]:
    """The live grants of `key`, of one source or of all, of one reference or of all."""
    return [
        grant
        for grant in org.grants.values()
        if grant.key == key
        and (source is None or grant.source == source)
        and (source_ref is None or grant.source_ref == source_ref)
        and grant.live(at)
    ]


def in_slot(org: Org, slot: Slot, *, at: datetime) -> list[Grant]:
    """The live grants of a slot, as they follow one another."""
    key = slot[0]
    found = [g for g in org.grants.values() if g.key == key and g.slot == slot and g.live(at)]
    return sorted(found, key=lambda grant: grant.starts)


def active_in_slot(org: Org, slot: Slot, *, at: datetime) -> Grant | None:
    """The grant of a slot that is active at `at`."""
    return next((grant for grant in in_slot(org, slot, at=at) if grant.active(at)), None)
