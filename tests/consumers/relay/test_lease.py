"""Who has the relay for a while, loses it and takes it again goes by what the broker has then."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from consumers.relay.batch import Batch, Batches
from consumers.relay.publisher import Place, Publisher
from consumers.relay.records import Message
from consumers.topics import Topics
from domain.commands import GrantAccess
from infra.database import Database
from infra.wiring import Parts
from projections.outgoing import Page
from tests.brokers import states
from tests.consumers.carrying import LEASE_SECONDS, a_relay, carried, running
from tests.consumers.relay.world import document_of, folded, position
from tests.infra.store.orders import CRM, order, registration
from tests.infra.store.world import until

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]


class Slow(Batches):
    """Takes longer over its first states than the relay is held for, and than another waits."""

    slow = True

    async def make(self, page: Page, **values: Any) -> Batch:
        made = await super().make(page, **values)
        if self.slow and any(message.topic == self._topics.state for message in made.messages):
            self.slow = False
            await asyncio.sleep(2 * LEASE_SECONDS)
        return made


async def test_what_was_made_but_not_sent_is_made_again(
    parts: Parts, database: Database, kafka: str, topics: Topics
) -> None:
    """The relay was lost before it could be sent, and taken again: the broker is looked at anew."""
    opened: list[Publisher] = []

    class Noted(Publisher):
        def __init__(self, *values: Any, **named: Any) -> None:
            super().__init__(*values, **named)
            opened.append(self)

    await parts.ledger.execute(registration("1", GrantAccess(key=CRM)))
    relay = a_relay(database, kafka, topics, batches=Slow(topics), publisher=Noted)
    async with running(relay):
        await carried(relay, position=position(database))
    assert set(folded(kafka, topics)) == {"1"}
    assert len(opened) == 2


async def test_a_state_that_another_has_written_over_is_sent_until_it_stands(
    parts: Parts, database: Database, kafka: str, topics: Topics
) -> None:
    """Though the other's record came with the very batch in which ours was sent again."""
    crossed = ["with the first", "with the second"]

    class Crossed(Publisher):
        has_state = False

        def publish(self, messages: Sequence[Message]) -> dict[Place, tuple[int, int]]:
            self.has_state = any((m.topic, m.key) == (topics.state, b"1") for m in messages)
            return super().publish(messages)

        def foreign_orgs(self) -> set[str]:
            return {"1"} if self.has_state and crossed and crossed.pop() else set()

    await parts.ledger.execute(registration("1", GrantAccess(key=CRM)))
    relay = a_relay(database, kafka, topics, publisher=Crossed)
    async with running(relay):
        await until(lambda: len(states(kafka, topics)) == 3)
        await carried(relay, position=position(database))


async def test_who_takes_the_relay_again_goes_by_what_another_has_published(
    parts: Parts, database: Database, kafka: str, topics: Topics
) -> None:
    """The catalog is another by then."""
    await parts.ledger.execute(registration("1"))
    slow = Slow(topics)
    slow.slow = False
    async with running(first := a_relay(database, kafka, topics, batches=slow)):
        await carried(first, position=position(database))
        slow.slow = True
        async with running(second := a_relay(database, kafka, topics)):
            await parts.ledger.execute(order("1", GrantAccess(key=CRM)))
            await until(lambda: second.standing == "publishing")
            document = dict(document_of(database)) | {"longest_trial_days": 33}
            await parts.ledger.publish_catalog(document, by=order("1").by)
            await carried(second, position=position(database))
        await parts.ledger.execute(registration("2"))
        await carried(first, position=position(database))
        await until(lambda: set(folded(kafka, topics)) == {"1", "2"})
    assert {d["catalog_version"] for d in folded(kafka, topics).values()} == {2}
