"""From what a batch left in the log to the commands that undo it, one for each of its orgs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from psycopg import AsyncConnection

from domain.actors import Provenance
from domain.batches import Parts, Work
from domain.commands import Context
from domain.commands.undo import UndoBatch
from domain.ids import OrgId, Stream, org_stream
from domain.org import Org
from domain.refusals import Contradicted
from domain.touched import traces
from infra.store.mapper import UnknownFact, read_fact
from projections.batches import StoredFacts, orgs_of_batch, stored_facts

_PAGE = 500  # orgs whose histories are read at once


class HeldOrg(Contradicted):
    """The history of an org cannot be read by this version."""

    code = "unknown_fact"


class Held(Parts):
    """Nothing is decided for an org whose history cannot be read."""

    def __init__(self, because: UnknownFact) -> None:
        self._because = because
        self.came_to = []

    def printed(self) -> Any:
        """The place that cannot be read."""
        return ["held", self._because.stream, self._because.version]

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        """Raises HeldOrg."""
        raise HeldOrg(str(self._because), topic=self._because.topic)


async def undo_work(
    connection: AsyncConnection, batch_id: str, *, by: Provenance
) -> AsyncIterator[list[Work]]:
    """The work that undoes a batch, a page of its orgs at a time."""
    after = ""
    while page := await orgs_of_batch(connection, batch_id, after=after, limit=_PAGE):
        orgs = [entry.org for entry in page]
        histories = await stored_facts(connection, orgs)
        yield await asyncio.to_thread(_works, orgs, histories, batch_id, by)
        after = orgs[-1]


def _works(
    orgs: Sequence[OrgId], histories: dict[str, StoredFacts], batch_id: str, by: Provenance
) -> list[Work]:
    return [
        Work(org=org, command=_command(org_stream(org), histories, batch_id), by=by) for org in orgs
    ]


def _command(stream: Stream, histories: dict[str, StoredFacts], batch_id: str) -> Parts:
    stored = histories[stream]
    try:
        facts = [read_fact(stream, version, topic, state) for version, topic, state in stored]
    except UnknownFact as unknown:
        return Held(unknown)
    return UndoBatch(traces(stream, facts, batch_id=batch_id))
