"""What a publisher needs of a client of Kafka; whoever adds another one writes these methods.

Synchronous: used by one thread at a time, and never by an event loop's.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from consumers.relay.records import Message

TIMEOUT_MS = 5_000
DELIVERY_MS = 8_000
FLUSH_SECONDS = DELIVERY_MS / 1000 + 2
BATCH_BYTES = 512 * 1024  # at most, before compression; less where a topic takes less
REQUEST_BYTES = 8 * BATCH_BYTES
LINGER_MS = 1_000  # every batch is flushed, so nothing waits for this

Placed = tuple[Message, int]  # and its partition


class PublishFailed(Exception):
    """The broker has not acknowledged all of a batch: nobody knows what of it is there.

    `refused` are the messages it never will.
    """

    def __init__(self, error: BaseException, *, refused: Sequence[Message] = ()) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.refused = refused


class Unsent(NamedTuple):
    """Why a record was not acknowledged.

    `for_good` when it is larger than the broker takes, and alone in its batch: as a batch of
    several is no larger than any topic takes, none of them is refused for another's sake.
    """

    error: BaseException
    for_good: bool


class OpenProducer(Protocol):
    """Connects a producer whose batches of several records have at most so many bytes."""

    def __call__(self, servers: str, *, batch_bytes: int) -> "Producer": ...


class Producer(Protocol):
    """Sends idempotently, acknowledged by all replicas, and can be thrown away."""

    def partitions(self, topic: str) -> Sequence[int]:
        """The partitions of a topic that exists.

        Raises:
            PublishFailed: the broker cannot be asked.
        """

    def send(self, placed: Sequence[Placed]) -> list[int | Unsent]:
        """Send all, in order within a partition; the offset of each once it is acknowledged.

        Raises:
            PublishFailed: they could not even be handed over.
        """

    def abandon(self) -> None:
        """Drop what was not sent, and return once nothing can be sent any more."""
