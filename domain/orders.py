"""What is asked of the ledger for one org, and what it answers."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from domain.actors import Provenance
from domain.catalog import Catalog, Key
from domain.commands import Command
from domain.ids import OrgId
from domain.json_text import json_texts, template
from domain.org import Org

_KEPT = (
    "event_ids",
    "topics",
    "changed",
    "before",
    "after",
    "remaining_sources",
    "warnings",
    "addendum",
)
_kept, _STORED = attrgetter(*_KEPT), template(_KEPT)

Addendum = Callable[[Org, Catalog, datetime], Any]
Wording = Callable[[Catalog], Sequence[Command]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Commands for one org, with everything that governs how they are carried out.

    `command_id` and `fingerprint` come from an Idempotency-Key and the request; without a key
    every order acts. `addendum` makes a further part of the answer from the org as it is then;
    it is stored with the rest, so a repeat answers the same. `presume_new` spares the first look
    for the org where it most likely does not exist; where it does, the append tells, as it does
    with `presume_first`, where the command was most likely not carried out before. `terse` leaves
    the keys' states out of the answer, which is most of the work where many are touched.
    `commands` may be what makes them of a catalog: it is asked only once the order has its turn,
    so that a repeat is answered whatever the catalog has become, and by the catalog that decides.
    """

    org: OrgId
    commands: Sequence[Command] | Wording
    by: Provenance
    command_id: UUID | None = None
    fingerprint: bytes = b""
    if_match: int | None = None
    dry_run: bool = False
    plan_token: str | None = None
    may_backdate: bool = False
    presume_new: bool = False
    presume_first: bool = False
    terse: bool = False
    addendum: Addendum | None = None

    def said_by(self, catalog: Catalog) -> Sequence[Command]:
        """The commands, their keys resolved by `catalog`.

        Raises:
            UnknownKey, UnknownBundle: they name something the catalog does not have.
        """
        return self.commands(catalog) if callable(self.commands) else self.commands


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an order came to; `first_position` is its first event's, None where there is none."""

    org: OrgId
    org_version: int
    first_position: int | None
    event_ids: tuple[str, ...]
    topics: tuple[str, ...]
    changed: bool
    before: Mapping[Key, str]
    after: Mapping[Key, str]
    remaining_sources: tuple[str, ...]
    warnings: tuple[str, ...]
    addendum: Any = None
    plan_token: str | None = None

    @property
    def positions(self) -> list[int]:
        """The position of each event."""
        if self.first_position is None:
            return []
        return list(range(self.first_position, self.first_position + len(self.event_ids)))

    def stored(self) -> bytes:
        """What is kept with the command, to answer a repeat."""
        return (_STORED % json_texts(_kept(self))).encode()

    def placed(self, *, version: int, first_position: int | None) -> "Answer":
        """This answer where its events came to stand (`replace` takes three times as long)."""
        return Answer(
            org=self.org,
            org_version=version,
            first_position=first_position,
            event_ids=self.event_ids,
            topics=self.topics,
            changed=self.changed,
            before=self.before,
            after=self.after,
            remaining_sources=self.remaining_sources,
            warnings=self.warnings,
            addendum=self.addendum,
            plan_token=self.plan_token,
        )

    @classmethod
    def restored(
        cls, org: OrgId, stored: bytes, *, version: int, first_position: int | None
    ) -> "Answer":
        """The answer that was kept."""
        fields = json.loads(stored)
        for name in ("event_ids", "topics", "remaining_sources", "warnings"):
            fields[name] = tuple(fields[name])
        return cls(org=org, org_version=version, first_position=first_position, **fields)
