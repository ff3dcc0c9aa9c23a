"""A process that relays: `python -m tests.faults.relaying URL SERVERS PREFIX MODE`.

It says a line when it has the relay. In the mode `killed` it ends (-9) between the broker's
acknowledgement and the cursor; in the mode `cursor-first`, a mutant, it moves the cursor and ends
before it sends.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence

from consumers.relay.publisher import Place, Publisher
from consumers.relay.records import Message
from consumers.topics import Topics
from infra.database import Database
from projections.outgoing import Cursor, OutgoingLog
from tests.consumers.carrying import a_relay

_EVENTS = "entitlements.events.v1"


class Ending(OutgoingLog):
    """Ends where it would note that events were acknowledged."""

    before = 0

    async def take(self, *, seconds: float) -> Cursor | None:
        cursor = await super().take(seconds=seconds)
        self.before = cursor.position if cursor else 0
        return cursor

    async def advance(self, cursor: Cursor, *, seconds: float) -> bool:
        if cursor.position > self.before:
            os.kill(os.getpid(), signal.SIGKILL)
        return await super().advance(cursor, seconds=seconds)


class CursorFirst(Publisher):
    """Acknowledges by itself, and ends once the cursor has moved."""

    def publish(self, messages: Sequence[Message]) -> dict[Place, tuple[int, int]]:
        if any(message.topic.endswith(_EVENTS) for message in messages):
            return {}
        return super().publish(messages)


class EndingLate(Ending):
    """Ends after it has noted that events were acknowledged."""

    async def advance(self, cursor: Cursor, *, seconds: float) -> bool:
        kept = await OutgoingLog.advance(self, cursor, seconds=seconds)
        if cursor.position > self.before:
            os.kill(os.getpid(), signal.SIGKILL)
        return kept


async def main(url: str, servers: str, prefix: str, mode: str) -> None:
    """Relay until ended."""
    relay = a_relay(
        Database(app_url=url, owner_url=url, embedded=None),
        servers,
        Topics.named(prefix),
        publisher=CursorFirst if mode == "cursor-first" else Publisher,
        log={"killed": Ending, "cursor-first": EndingLate}.get(mode, OutgoingLog),
    )
    relay.start()
    said = "stopped"
    while True:
        if relay.standing != said:
            said = relay.standing
            sys.stdout.write(f"{said}\n")
            sys.stdout.flush()
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
