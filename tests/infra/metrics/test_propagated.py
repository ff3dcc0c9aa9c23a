"""What the relay and who listens to Kafka count, and the page they answer scrapes with."""

import asyncio
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from consumers.invalidation.invalidation import Listener, Moved
from consumers.relay.batch import Batches
from consumers.topics import Topics
from domain.catalog import Catalog
from domain.gating import Gating
from domain.ids import OrgId
from infra.metrics.page import PageUnavailable, page
from infra.metrics.propagated import dead_letters, invalidations
from projections.outgoing import Event, OutgoingLog, Page
from projections.tallies import Count, Spread, Tallies
from tests.consumers.carrying import Heard
from tests.projections.fakes import HandClock

pytestmark = pytest.mark.anyio
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def test_a_change_is_counted_by_how_long_it_took_since_its_commit() -> None:
    """Once for each, however often it is delivered."""
    tallies = Tallies()
    listener = Listener(
        Heard(), now=lambda: NOON, monotonic=HandClock(), took=invalidations(tallies)
    )
    told = Moved(OrgId("7"), 2, 5, 1, 1, NOON - timedelta(milliseconds=40))
    listener.hear([told, told, told._replace(version=1)])
    (spread,) = tallies.counted()
    assert isinstance(spread, Spread)
    assert spread.name == "invalidation_seconds"
    assert sum(spread.of[()][:-1]) == 1
    assert spread.of[()][-1] == pytest.approx(0.04)


class EmptyLog(OutgoingLog):
    """A log in which no catalog was ever published."""

    def __init__(self) -> None:
        """It is asked nothing else."""

    async def catalog(self) -> Catalog | None:
        return None

    async def gating(self) -> Gating:
        return Gating()


async def at_once(act: Callable[..., Any], *values: Any) -> Any:
    return act(*values)


async def test_dead_letters_are_counted() -> None:
    """Of three events one cannot be rendered; it is one once the broker has it."""
    tallies = Tallies()
    batches = Batches(Topics.named(), died=dead_letters(tallies))
    events = [
        Event(n, "org-7", n, str(UUID(int=n)), "entitlements.GrantEnded.v1", body, NOON)
        for n, body in enumerate((b"{}", b"no JSON", b"{}"), start=1)
    ]
    page_read = Page(1, 3, NOON, events)
    batch = await batches.make(
        page_read, orgs={}, republished=None, log=EmptyLog(), in_thread=at_once
    )
    (count,) = tallies.counted()
    assert isinstance(count, Count)
    assert count.of == {(): 0}
    batches.acknowledged(batch)
    assert (count.name, count.of) == ("dead_letters_total", {(): 1})


async def test_a_process_without_a_server_answers_scrapes() -> None:
    """In the form that is asked for; anything else is not found."""
    tallies, port = Tallies(), free_port()
    dead_letters(tallies)(3)
    async with (
        page(tallies, port=port),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
    ):
        found = await http.get("/metrics", headers={"Accept": "application/openmetrics-text"})
        assert found.headers["content-type"].startswith("application/openmetrics-text")
        assert "dead_letters_total 3.0" in found.text
        assert (await http.get("/")).status_code == 404
        with pytest.raises(PageUnavailable, match="--metrics-port"):
            async with page(tallies, port=port):
                await asyncio.sleep(0)
