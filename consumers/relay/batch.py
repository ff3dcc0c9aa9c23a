"""What goes out together: a page of events in order, then the state of every org they touched."""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from consumers.relay.records import Before, Message, Renderer
from consumers.topics import Topics
from domain.effective import Lanes
from domain.ids import CATALOG_STREAM, ROLLOUT_STREAM, OrgId, org_of
from projections.outgoing import Event, OutgoingLog, Page, State
from projections.snapshot import Snapshots

_MOST_KNOWN = 10_000  # orgs whose last published state is remembered
_FEW = 8  # are rendered on the spot: to change the thread would take longer

_NOTHING = Lanes(grants={}, blocks=())

log = logging.getLogger("entitlements.relay")

InThread = Callable[..., Awaitable[Any]]


class Batch(NamedTuple):
    """Records to send, and how far the cursor may move once they are acknowledged."""

    messages: list[Message]
    position: int
    republished: str | None
    orgs: set[OrgId]
    everybody: bool


class Cause(NamedTuple):
    """Why an org's state is published, and which version of it was published before."""

    name: str
    recorded_at: datetime | None
    before: int | None


class Batches:
    """Makes batches of one ledger, and remembers which state of each org went out last.

    Args:
        died: hears how many dead letters were in a batch that had some.
    """

    def __init__(
        self, topics: Topics, *, died: Callable[[int], None] = lambda number: None
    ) -> None:
        self._topics = topics
        self._died = died
        self._renderer = Renderer(topics)
        self._known: OrderedDict[OrgId, tuple[int, Lanes]] = OrderedDict()
        self._snapshots: Snapshots | None = None
        self.dead_letters = 0

    def forget(self) -> None:
        """What was made may not have gone out, and another may have published since."""
        self._known.clear()
        self._snapshots = None

    def acknowledged(self, batch: Batch) -> None:
        """The broker has all of it."""
        dead = [message for message in batch.messages if message.topic == self._topics.dead_letter]
        for message in dead:
            log.error("A dead letter was written: %s", dict(message.headers))
        self.dead_letters += len(dead)
        if dead:
            self._died(len(dead))

    def refuse(self, messages: Sequence[Message]) -> None:
        """From now on these become dead letters."""
        self._renderer.refused |= {(m.topic, m.key, m.position) for m in messages}

    def heartbeats(self, page: Page, partitions: Sequence[int]) -> list[Message]:
        """One for each partition of the state topic."""
        return [
            self._renderer.heartbeat(p, epoch=page.epoch, position=page.head, at=page.now)
            for p in partitions
        ]

    async def make(
        self,
        page: Page,
        *,
        orgs: Mapping[OrgId, str],
        republished: str | None,
        log: OutgoingLog,
        in_thread: InThread,
    ) -> Batch:
        """The batch of a page, and of `orgs` that are to be published again with a cause."""
        moved = {event.stream for event in page.events} & {CATALOG_STREAM, ROLLOUT_STREAM}
        if self._snapshots is None or moved:
            catalog = await log.catalog()
            gating = await log.gating()
            self._snapshots = Snapshots(catalog, gating) if catalog is not None else None
        causes = {org: Cause(name, None, None) for org, name in orgs.items()}
        causes |= _causes(page.events)
        states = await log.states(list(causes)) if causes and self._snapshots else []
        for state in states:
            if state.org in orgs and self._is_told(state, causes[state.org]):
                causes[state.org] = Cause(orgs[state.org], None, None)  # all the same
        states = [state for state in states if not self._is_told(state, causes[state.org])]
        befores = await self._befores({s.org: causes[s.org] for s in states}, log)
        if len(page.events) + len(states) <= _FEW:
            messages = self._render(page, states, causes, befores)
        else:
            messages = await in_thread(self._render, page, states, causes, befores)
        return Batch(
            messages=messages,
            position=page.events[-1].position if page.events else 0,
            republished=republished,
            orgs=set(orgs),
            everybody=any(
                event.stream == ROLLOUT_STREAM
                or (event.stream == CATALOG_STREAM and event.version > 1)
                for event in page.events
            ),
        )

    def _is_told(self, state: State, cause: Cause) -> bool:
        """Whether this very state went out already, with an event before those of this page."""
        known = self._known.get(state.org)
        return known is not None and cause.before is not None and known[0] >= state.version

    async def _befores(
        self, causes: Mapping[OrgId, Cause], log: OutgoingLog
    ) -> dict[OrgId, Lanes | Before]:
        """What each org had when it was published last."""
        found: dict[OrgId, Lanes | Before] = {}
        asked: dict[OrgId, int] = {}
        for org, cause in causes.items():
            if cause.before is None:
                found[org] = "the same"
            elif (known := self._known.get(org)) is not None:
                found[org] = known[1]
            elif cause.before == 0:  # it is new
                found[org] = _NOTHING
            else:
                asked[org] = cause.before
        for org, then in (await log.orgs_at(asked)).items():
            found[org] = then.lanes if then is not None else "unknown"
        return found

    def _render(
        self,
        page: Page,
        states: Sequence[State],
        causes: Mapping[OrgId, Cause],
        befores: Mapping[OrgId, Lanes | Before],
    ) -> list[Message]:
        messages = [self._renderer.event(event, epoch=page.epoch) for event in page.events]
        messages += [
            self._state(page, state, causes[state.org], befores[state.org]) for state in states
        ]
        return messages

    def _state(self, page: Page, state: State, cause: Cause, before: Lanes | Before) -> Message:
        assert self._snapshots is not None
        try:
            org = state.read()
            message = self._renderer.state(
                state,
                org,
                before=before,
                cause=cause.name,
                recorded_at=cause.recorded_at,
                snapshots=self._snapshots,
                epoch=page.epoch,
                at=page.now,
            )
        except Exception as error:
            return self._renderer.unreadable(state, epoch=page.epoch, error=error)
        self._known[state.org] = (state.version, org.lanes)
        self._known.move_to_end(state.org)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return message


def _causes(events: Sequence[Event]) -> dict[OrgId, Cause]:
    """Of each org the last event, and the version it had before the first."""
    found: dict[OrgId, Cause] = {}
    for event in events:
        org = org_of(event.stream)
        if org is not None:
            before = found[org].before if org in found else event.version - 1
            found[org] = Cause(event.topic, event.recorded_at, before)
    return found
