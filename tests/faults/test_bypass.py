"""Bypass with the database cut off in the middle: no access without its event, over a history."""

import asyncio

import pytest

from domain.actors import Provenance
from domain.bypass import BYPASS_USES_STREAM, BypassUsed, Use
from domain.ids import OrgId
from domain.refusals import Unavailable
from infra.bypass.uses import Uses
from infra.database import Database
from infra.settings import Settings
from infra.store.mapper import read_fact
from infra.wiring import Parts
from projections.history import recorded_in
from tests.conftest import started
from tests.faults.conftest import Rounds
from tests.faults.proxy import Proxy
from tests.faults.world import through
from tests.infra.store.orders import CRM, ROOT

pytestmark = [pytest.mark.anyio, pytest.mark.one_server, pytest.mark.soak]


class Hasty(Uses):
    """The mutant: lets everybody in at once, and records it afterwards."""

    async def record(self, use: Use, *, by: Provenance) -> int | None:
        self.later = asyncio.ensure_future(super().record(use, by=by))
        return 0


async def allowed_while_cut(proxy: Proxy, uses: Uses) -> set[str]:
    """Ten callers that bypass while the database goes and comes back: the routes let in."""
    allowed: set[str] = set()

    async def caller(number: int) -> None:
        for step in range(6):
            route = f"GET /{number}/{step}"
            use = Use(org=OrgId("1"), key=CRM, denied_by="not_granted", route=route)
            try:
                async with asyncio.timeout(0.5):
                    await uses.record(use, by=ROOT)
            except (Unavailable, TimeoutError):
                continue
            allowed.add(route)

    callers = [asyncio.ensure_future(caller(number)) for number in range(10)]
    await asyncio.sleep(0.02)
    proxy.cut()
    await asyncio.sleep(0.2)
    proxy.mend()
    await asyncio.gather(*callers)
    return allowed


async def on_record(parts: Parts) -> set[str]:
    """The routes of all uses in the log."""
    async with parts.ledger.reading() as connection:
        found = await recorded_in(connection, BYPASS_USES_STREAM, decode=read_fact, known_at=None)
    return {str(e.fact.route) for e in found if isinstance(e.fact, BypassUsed)}


async def test_no_access_without_its_event(
    settings: Settings, database: Database, rounds: Rounds
) -> None:
    """Whatever was let in stands in the log, however the database came and went."""
    with Proxy(database.app_url) as proxy:
        async with started(settings, database) as sound:
            for _ in range(rounds(2)):
                async with started(settings, through(proxy, database)) as parts:
                    allowed = await allowed_while_cut(proxy, parts.bypasses.uses)
                    assert allowed <= await on_record(sound)


async def test_with_the_database_gone_nobody_is_let_in(
    settings: Settings, database: Database
) -> None:
    """Case 24: it cannot be recorded, so there is no bypass; the mutant lets in all the same."""
    use = Use(org=OrgId("1"), key=CRM, denied_by="not_granted")
    with Proxy(database.app_url) as proxy:
        async with started(settings, through(proxy, database)) as parts:
            hasty = Hasty(
                parts.bypasses.notes,
                parts.bypasses.convoy,
                sessions=parts.bypasses.sessions,
                clock=parts.clock,
            )
            proxy.cut()
            sound = asyncio.ensure_future(parts.bypasses.uses.record(use, by=ROOT))

            assert await hasty.record(use, by=ROOT) == 0
            with pytest.raises(Unavailable):
                await sound
            with pytest.raises(Unavailable):
                await hasty.later
