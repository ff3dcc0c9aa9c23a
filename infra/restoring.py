"""A new epoch for a ledger whose database was restored from a backup."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

from consumers.relay.publisher import Found, Published, Publisher
from consumers.relay.records import tombstone
from domain.ids import OrgId
from infra.propagation import broker_of, publisher, topics_of
from infra.settings import Settings
from infra.store.mapper import read_fact
from infra.wiring import Dial
from projections.outgoing import OutgoingLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What Kafka has and the database has not; `epoch` is the new one, the old one in a dry run.

    `gone` are orgs of which the database knows nothing.
    """

    broker: str | None
    epoch: int
    position: int
    lost: Sequence[Published]
    gone: Sequence[OrgId]


async def restore_epoch(settings: Settings, dial: Dial, *, dry_run: bool) -> Restored:
    """List what was lost and, unless it is a dry run, begin a new epoch.

    Everybody who holds anything of the ledger starts over then; the relay publishes every org
    again; orgs that are gone get a tombstone.

    Raises:
        PublishFailed: the broker cannot be asked; without one configured only the epoch changes.
        LogAway: the database cannot be asked.
    """
    log = OutgoingLog(dial, holder=uuid4(), read_fact=read_fact)
    servers = broker_of(settings)
    try:
        open_publisher = publisher(settings, servers) if servers else None
        opened = await asyncio.to_thread(open_publisher) if open_publisher else None
        try:
            return await _restored(settings, log, opened, servers=servers, dry_run=dry_run)
        finally:
            if opened is not None:
                await asyncio.to_thread(opened.close)
    finally:
        await log.close()


async def _restored(
    settings: Settings,
    log: OutgoingLog,
    opened: Publisher | None,
    *,
    servers: str | None,
    dry_run: bool,
) -> Restored:
    page = await log.page(after=0, most=0)
    found = Found(False, [], set(), {})
    if opened is not None:
        look = partial(opened.inspect, await log.marks(), all_of_it=True)
        found = await asyncio.to_thread(look)
    strangers = set(await log.strangers([(e.position, e.event_id) for e in found.events]))
    lost = {e for e in found.events if (e.position, e.event_id) in strangers}
    there = {state.org for state in await log.states([OrgId(org) for org in found.orgs])}
    gone = sorted(OrgId(org) for org in found.orgs if org not in there)
    epoch = page.epoch
    if not dry_run:
        epoch = await log.begin_epoch(page.epoch, position=page.head)
        if opened is not None and gone:
            messages = [tombstone(topics_of(settings), org, epoch=epoch) for org in gone]
            await asyncio.to_thread(opened.publish, messages)
    return Restored(broker=servers, epoch=epoch, position=page.head, lost=sorted(lost), gone=gone)
