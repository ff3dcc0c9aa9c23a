"""The ledger: load, decide, append; the same code for a preview, without the append."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from psycopg_pool import AsyncConnectionPool

from domain.actors import Provenance
from domain.catalog import Catalog
from domain.commands import Command, Context
from domain.commands.blocks import blocks_not_held
from domain.decide import Outcome, decide
from domain.facts import LedgerEvent, common
from domain.ids import CATALOG_STREAM, Stream, org_stream, uuid7, uuid_text
from domain.orders import Answer, Order
from domain.org import Org
from domain.publishing import publish
from domain.refusals import (
    CommandRunning,
    IdempotencyKeyReused,
    Refusal,
    Unavailable,
    UnknownOrg,
    VersionMoved,
    VersionNotReached,
)
from infra.clock import LedgerClock
from infra.store.append import Append, Appended, ViewRows
from infra.store.journal import Journal
from infra.store.mapper import stored
from infra.store.plans import check_plan, plan_token
from infra.store.reading import Reading
from projections import current, legacy
from projections.blocks import blocks_raised
from projections.commands import carried_out
from projections.history import facts_since
from projections.orgs import live_grants_by_key
from projections.shelf import Shelf, newest_catalog
from projections.table import OrgTable

_MOST_TRIES = 10
"""How often a command that lost a race is judged again before the caller is asked to."""


class Ledger:
    """Carries out orders; one at a time for each org in this process, rebased on any other's."""

    def __init__(
        self,
        *,
        journal: Journal,
        table: OrgTable,
        shelf: Shelf,
        clock: LedgerClock,
        pool: AsyncConnectionPool,
    ) -> None:
        self._journal = journal
        self._table = table
        self._shelf = shelf
        self._clock = clock
        self._pool = pool
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._running: set[UUID] = set()

    async def execute(self, order: Order) -> Answer:
        """Judge an order and append what follows; a dry run stops before the append.

        Raises:
            Refusal: it cannot be done; nothing was written.
        """
        if order.command_id is None or order.dry_run:
            return await self._in_turn(order)
        if order.command_id in self._running:
            raise CommandRunning
        self._running.add(order.command_id)
        try:
            asks = not (order.presume_new or order.presume_first)
            earlier = await self._earlier(order) if asks else None
            return earlier if earlier is not None else await self._judged(order)
        finally:
            self._running.discard(order.command_id)

    async def _judged(self, order: Order) -> Answer:
        """A refusal may be the work of the same command, carried out elsewhere meanwhile."""
        try:
            return await self._in_turn(order)
        except Unavailable:
            raise
        except Refusal:
            # A batch, which presumes to be the first, looks by itself and says that it was known.
            earlier = None if order.presume_first else await self._earlier(order)
            if earlier is None:
                raise
            return earlier

    async def publish_catalog(
        self,
        document: Mapping[str, Any],
        *,
        by: Provenance,
        force: bool = False,
        dry_run: bool = False,
    ) -> tuple[Catalog, list[str]]:
        """Publish a catalog; returns it with what it changes (nothing: no event).

        Raises:
            InvalidCatalog, ModuleStillGranted: it cannot be published.
        """
        async with self._turn(CATALOG_STREAM):
            for _ in range(_MOST_TRIES):
                async with self.reading() as connection:
                    before = await newest_catalog(connection)
                    granted = await live_grants_by_key(connection, at=self._clock.now())
                catalog, changes, fact = publish(
                    before, document, granted=granted, force=force, now=self._clock.now(), by=by
                )
                notes = [str(change) for change in changes]
                if fact is None:
                    self._shelf.put(catalog)  # another process may have published it just now
                if fact is None or dry_run:
                    return catalog, notes
                append = Append(
                    command_id=uuid7(self._clock.now()),
                    stream=CATALOG_STREAM,
                    expected=catalog.version - 1,
                    events=[stored(fact)],
                )
                if (await self._journal.append(append)).verdict != "conflict":
                    self._shelf.put(catalog)
                    return catalog, notes
        raise Unavailable("The catalog is being published by others at the same time; ask again.")

    async def note(
        self, stream: Stream, fact: type[LedgerEvent], *, by: Provenance, **content: Any
    ) -> int:
        """Append one fact to a stream that belongs to no org; answers its position."""
        now = self._clock.now()
        place = {"originator_id": stream, "originator_version": 0}  # the database gives the version
        noted = fact(**place, **common(now=now, by=by, effective_at=now), **content)
        appended = await self._journal.append(
            Append(
                command_id=uuid7(now),
                stream=stream,
                expected=None,
                events=[stored(noted)],
            )
        )
        assert appended.first_position is not None
        return appended.first_position

    def reading(self) -> Reading:
        """A connection for reading; failures to get one become `Unavailable`."""
        return Reading(self._pool)

    async def _in_turn(self, order: Order) -> Answer:
        async with self._turn(org_stream(order.org)):
            for attempt in range(_MOST_TRIES):
                presume_new = order.presume_new and attempt == 0
                org = await self._load(order, presume_new=presume_new)
                version = org.version
                commands = order.said_by(self._shelf.catalog)
                await self._check_version(order, version)
                raised = await self._raised(order, org, commands)
                if max(raised.values(), default=0) > version:
                    self._table.moved(order.org, version=max(raised.values()))
                    continue
                context = Context(
                    catalog=self._shelf.catalog,
                    now=max(self._clock.now(), org.modified_on),
                    by=order.by,
                    may_backdate=order.may_backdate,
                    past_blocks=raised,
                )
                outcome = decide(org, commands, context, terse=order.terse)
                answer = self._answer(order, outcome, org, context)
                if order.dry_run or order.plan_token is not None:
                    token = plan_token(order, outcome, version=version, catalog=context.catalog)
                    check_plan(order, token)
                    if order.dry_run:
                        return replace(answer, plan_token=token)
                if not outcome.changed and order.command_id is None:
                    return answer
                appended = await self._append(order, answer, org, outcome.facts, expected=version)
                if appended.verdict != "conflict":
                    return self._settled(order, answer, appended, org)
                self._table.moved(order.org, version=appended.version)
        raise Unavailable(f"Organisation {order.org} is being changed by many at once; ask again.")

    async def _load(self, order: Order, *, presume_new: bool) -> Org:
        """The org, which may be changed."""
        if presume_new:
            return Org.blank(org_stream(order.org))
        try:
            try:
                entry = await self._table.get(order.org, min_version=order.if_match or 0)
            except VersionNotReached:
                entry = await self._table.get(order.org)
        except UnknownOrg:
            return Org.blank(org_stream(order.org))
        return current.copied(entry.org)

    async def _raised(
        self, order: Order, org: Org, commands: Sequence[Command]
    ) -> Mapping[str, int]:
        """The blocks to be lifted that the org does not hold, and the versions that raised them."""
        named = blocks_not_held(org, commands)
        if not named:
            return {}
        async with self.reading() as connection:
            return await blocks_raised(connection, order.org, named)

    async def _append(
        self,
        order: Order,
        answer: Answer,
        org: Org,
        facts: Sequence[LedgerEvent],
        *,
        expected: int,
    ) -> Appended:
        views = None
        if facts:
            views = ViewRows(name=org.name, state=current.written(org), granted=legacy.written(org))
        return await self._journal.append(
            Append(
                command_id=order.command_id or uuid7(self._clock.now()),
                stream=org.id,
                expected=expected,
                events=[stored(fact) for fact in facts],
                views=views,
                fingerprint=order.fingerprint or None,
                response=answer.stored() if order.command_id else None,
            )
        )

    def _settled(self, order: Order, answer: Answer, appended: Appended, org: Org) -> Answer:
        if appended.verdict == "known" and appended.response is not None:
            self._table.moved(order.org, version=appended.version)
            _check_fingerprint(order, appended.fingerprint)
            return Answer.restored(
                order.org,
                appended.response,
                version=appended.version,
                first_position=appended.first_position,
            )
        if answer.changed:
            assert appended.first_position is not None
            org.position = appended.first_position + len(answer.event_ids) - 1
            self._table.moved(order.org, version=org.version)
            if not order.presume_new:  # who brings in thousands does not ask for them next
                self._table.put(org)
        return answer.placed(version=appended.version, first_position=appended.first_position)

    async def _earlier(self, order: Order) -> Answer | None:
        assert order.command_id is not None
        async with self.reading() as connection:
            earlier = (await carried_out(connection, [order.command_id])).get(order.command_id)
        if earlier is None:
            return None
        _check_fingerprint(order, earlier.fingerprint)
        assert earlier.response is not None  # as it is kept with every order
        return Answer.restored(
            order.org,
            earlier.response,
            version=earlier.version,
            first_position=earlier.first_position,
        )

    async def _check_version(self, order: Order, version: int) -> None:
        if order.if_match is None or order.if_match == version:
            return
        async with self.reading() as connection:
            between = await facts_since(connection, order.org, order.if_match)
        newest = max([version, *(entry["org_version"] for entry in between)])
        raise VersionMoved(order.org, wanted=order.if_match, current=newest, between=between)

    def _answer(self, order: Order, outcome: Outcome, org: Org, context: Context) -> Answer:
        return Answer(
            org=order.org,
            org_version=org.version,
            first_position=None,
            event_ids=tuple([uuid_text(fact.event_id) for fact in outcome.facts]),
            topics=tuple([fact.TOPIC for fact in outcome.facts]),
            changed=outcome.changed,
            before=outcome.before,
            after=outcome.after,
            remaining_sources=outcome.remaining_sources,
            warnings=outcome.warnings,
            addendum=(
                order.addendum(org, context.catalog, context.now) if order.addendum else None
            ),
        )

    def _turn(self, stream: str) -> asyncio.Lock:
        lock = self._turns.get(stream)
        if lock is None:
            lock = self._turns[stream] = asyncio.Lock()
        return lock


def _check_fingerprint(order: Order, stored: bytes | None) -> None:
    if (stored or b"") != order.fingerprint:
        raise IdempotencyKeyReused
