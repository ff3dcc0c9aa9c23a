"""The database goes silent, stopped or out of reach: whoever asks is told, and nobody hangs."""

import asyncio
from uuid import uuid4

import pytest

from domain.commands import GrantAccess
from domain.ids import OrgId
from domain.refusals import Unavailable
from infra.database import Database
from infra.settings import Settings
from infra.store.connections import ANSWER_SECONDS, CONNECT_SECONDS, connect
from infra.store.journal import PATIENCE_SECONDS
from tests.conftest import started
from tests.faults.proxy import Proxy
from tests.faults.world import through
from tests.infra.store.orders import CRM, order, registration

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]

BOUND_SECONDS = PATIENCE_SECONDS + ANSWER_SECONDS + CONNECT_SECONDS
ORG = OrgId("1")


async def test_a_silent_database_is_unavailable_and_comes_back(
    settings: Settings, database: Database
) -> None:
    """Who asks is told, and what is sent again acts once; the mutant, an unwatched one, hangs."""
    with Proxy(database.app_url) as proxy:
        async with (
            started(settings, through(proxy, database)) as parts,
            await connect(proxy.url, limits=False) as unwatched,
        ):
            await parts.ledger.execute(registration(ORG))
            await parts.ledger.execute(registration("2"))
            grant = order(ORG, GrantAccess(key=CRM), command_id=uuid4())
            proxy.stall()

            write = asyncio.ensure_future(parts.ledger.execute(grant))
            nameless = asyncio.ensure_future(
                parts.ledger.execute(order("2", GrantAccess(key=CRM)))  # goes straight to append
            )
            read = asyncio.ensure_future(parts.table.get(ORG, min_version=2))
            mutant = asyncio.ensure_future(unwatched.execute("SELECT 1"))
            told = [write, nameless, read]
            _, hanging = await asyncio.wait(told, timeout=BOUND_SECONDS)

            assert not hanging
            assert not mutant.done()
            assert {type(task.exception()) for task in told} == {Unavailable}

            proxy.go_on()
            await mutant
            answer = await parts.ledger.execute(grant)
            assert answer.org_version == 2
            assert (await parts.table.get(ORG, min_version=2)).version == 2
