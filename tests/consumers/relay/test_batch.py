"""What goes out together: each state once, unless it is to go out again."""

import json
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from consumers.relay.batch import Batch, Batches
from consumers.topics import Topics
from domain.commands import GrantAccess
from domain.ids import OrgId
from infra.database import Database
from infra.store.connections import connect
from infra.store.mapper import read_fact
from infra.wiring import Parts
from projections.outgoing import OutgoingLog, Page
from tests.infra.store.orders import CRM, registration

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]
TOPICS = Topics.named()


@pytest.fixture
async def log(database: Database) -> AsyncIterator[OutgoingLog]:
    outgoing = OutgoingLog(partial(connect, database.app_url), holder=uuid4(), read_fact=read_fact)
    yield outgoing
    await outgoing.close()


async def at_once(act: Callable[..., Any], *values: Any) -> Any:
    return act(*values)


async def test_a_state_that_is_to_go_out_again_does_so_with_an_event_that_it_has(
    parts: Parts, log: OutgoingLog
) -> None:
    """Somebody else's record may stand behind ours, or ours may be of another catalog."""
    await parts.ledger.execute(registration("1", GrantAccess(key=CRM)))
    page = await log.page(after=0, most=10)
    batches = Batches(TOPICS)

    first = await made(batches, page, log)
    told = await made(batches, page, log)
    again = await made(batches, page, log, OrgId("1"))

    assert causes(first) == ["entitlements.ModuleGranted.v1"]
    assert causes(told) == []
    assert causes(again) == ["republished"]


async def made(batches: Batches, page: Page, log: OutgoingLog, *again: OrgId) -> Batch:
    orgs = dict.fromkeys(again, "republished")
    return await batches.make(page, orgs=orgs, republished=None, log=log, in_thread=at_once)


def causes(batch: Batch) -> list[str]:
    """Why each state in a batch goes out."""
    states = [m.value for m in batch.messages if m.topic == TOPICS.state and m.value is not None]
    return [json.loads(value)["cause"] for value in states]
