"""Watchers share one feed; one that does not keep up is let go, and the others go on."""

import asyncio
from typing import Any

import pytest

from api.routes.watch import EventStream, event
from domain.ids import OrgId
from projections.watch import MOST_WAITING, Change, Watch

pytestmark = pytest.mark.anyio


def watch(*, position: int = 7) -> Watch:
    """A watch over a feed that stands at a position of epoch 3."""
    made = Watch(place=lambda: (3, position), current=lambda: True)
    made.start_over()
    return made


def moved(hub: Watch, position: int, stream: str = "org-1042") -> None:
    hub.stream_moved(stream, version=position - 5, position=position)


async def test_everyone_hears_everything_in_order() -> None:
    hub = watch()
    one, other = hub.join(), hub.join()
    moved(hub, 8)
    moved(hub, 9, "catalog")
    moved(hub, 10, "audit-reads")
    moved(hub, 11, "rollout")

    expected = [
        Change("org", 8, 3, 3, OrgId("1042")),
        Change("catalog", 9, 3, 4),
        Change("rollout", 11, 3, 6),
    ]
    assert one.drain() == other.drain() == expected
    assert one.drain() == []
    assert (one.position, hub.position) == (7, 11)


async def test_another_epoch_is_a_reason_to_forget() -> None:
    hub = watch()
    watcher = hub.join()
    hub.start_over()
    assert watcher.drain() == [Change("hydrate", 7, 3, why="epoch_changed")]
    assert event(Change("hydrate", 7, 3, why="epoch_changed")) == (
        b'id: 7\nevent: hydrate\ndata: {"position":7,"ledger_epoch":3,"reason":"epoch_changed"}\n\n'
    )


async def test_one_who_does_not_keep_up_is_dropped() -> None:
    """Nothing is kept for it without end, and nobody else notices."""
    hub = watch()
    slow, quick = hub.join(), hub.join()
    for position in range(8, 8 + MOST_WAITING):
        moved(hub, position)
        quick.drain()
    assert not slow.dropped.is_set()
    moved(hub, 8 + MOST_WAITING)
    assert slow.dropped.is_set()
    assert not quick.dropped.is_set()
    assert len(slow.drain()) == MOST_WAITING


async def test_a_pause_ends_with_a_change() -> None:
    hub = watch()
    watcher = hub.join()
    pausing = asyncio.create_task(watcher.pause(3600))
    await asyncio.sleep(0)
    moved(hub, 8)
    await asyncio.wait_for(pausing, 30)
    assert len(watcher.drain()) == 1


class Client:
    """A client that takes nothing more, or hangs up."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.hung_up = asyncio.Event()
        self.takes = asyncio.Event()
        self.stuck = asyncio.Event()

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        if message["type"] == "http.response.body":
            self.stuck.set()
            await self.takes.wait()

    async def receive(self) -> Any:
        await self.hung_up.wait()
        return {"type": "http.disconnect"}


async def pieces() -> Any:
    while True:
        yield b"data: {}\n\n"


@pytest.mark.parametrize("how", ["dropped", "hung up"])
async def test_a_stream_ends_when_its_client_is_slow_or_gone(how: str) -> None:
    """Although the piece that is being sent never arrives; and then it watches no more."""
    hub, client = watch(), Client()
    watcher = hub.join()
    stream = EventStream(pieces(), watch=hub, watcher=watcher)
    going = asyncio.create_task(stream({"type": "http"}, client.receive, client.send))
    await asyncio.wait_for(client.stuck.wait(), 30)
    assert len(hub) == 1

    if how == "dropped":
        for position in range(8, 10 + MOST_WAITING):
            moved(hub, position)
    else:
        client.hung_up.set()

    await asyncio.wait_for(going, 30)
    assert len(hub) == 0
    assert len(client.sent) == 2
