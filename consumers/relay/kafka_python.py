"""The relay's producer by kafka-python, which is always there."""

from collections.abc import Sequence

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from kafka.producer.future import FutureRecordMetadata

from consumers.codec import speed_up
from consumers.relay.producer import (
    BATCH_BYTES,
    DELIVERY_MS,
    FLUSH_SECONDS,
    LINGER_MS,
    REQUEST_BYTES,
    TIMEOUT_MS,
    Placed,
    PublishFailed,
    Unsent,
)
from consumers.relay.records import Message

_TOO_LARGE = (MessageSizeTooLargeError, RecordListTooLargeError)
_FAILURES = (KafkaError, OSError, AssertionError, ValueError)


class Abandonable(KafkaProducer):  # type: ignore[misc]  # it has no types
    """A producer that can be thrown away: nothing of what it holds is sent after that.

    The library's own `close` waits for what is under way, and goes on trying when that takes longer
    than it may: records would arrive behind those of the next producer.
    """

    abandoned = False

    def abandon(self) -> None:
        """Drop what was not sent, and return once nothing can be sent any more."""
        self.abandoned = True
        self.close(timeout=0)
        self._sender.join(DELIVERY_MS / 1000)

    def place(self, message: Message, at: TopicPartition) -> FutureRecordMetadata:
        """Send to a partition: `send` without what is decided already, in half the time."""
        future, full, _, _ = self._accumulator.append(
            at, None, message.key, message.value, message.headers
        )
        if full:  # others go with the flush
            self._sender.wakeup()
        return future

    def flush(self, timeout: float | None = None) -> None:
        """See `KafkaProducer.flush`, which `close` calls."""
        if not self.abandoned:
            super().flush(timeout)


class PythonProducer:
    """See `Producer`.

    Raises:
        PublishFailed: the broker cannot be reached.
    """

    def __init__(self, servers: str) -> None:
        speed_up()
        try:
            self._client = Abandonable(
                bootstrap_servers=servers,
                acks="all",
                enable_idempotence=True,
                compression_type="gzip",
                batch_size=BATCH_BYTES,
                linger_ms=LINGER_MS,
                max_request_size=REQUEST_BYTES,
                max_block_ms=TIMEOUT_MS,
                request_timeout_ms=TIMEOUT_MS,
                delivery_timeout_ms=DELIVERY_MS,
                bootstrap_timeout_ms=TIMEOUT_MS,
                reconnect_backoff_max_ms=1_000,
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        except (KafkaError, OSError) as error:
            raise PublishFailed(error) from error

    def partitions(self, topic: str) -> Sequence[int]:
        """As the library knows them, which looks again every few minutes."""
        try:
            return sorted(self._client.partitions_for(topic))
        except (KafkaError, OSError) as error:
            raise PublishFailed(error) from error

    def send(self, placed: Sequence[Placed]) -> list[int | Unsent]:
        """See `Producer.send`."""
        places = {(m.topic, at): TopicPartition(m.topic, at) for m, at in placed}
        try:
            sent = [self._client.place(m, places[m.topic, at]) for m, at in placed]
            self._client.flush(timeout=FLUSH_SECONDS)
        except _FAILURES as error:
            raise PublishFailed(error) from error
        refused: dict[tuple[str, int], object] = {}  # whatever comes after it fails as it does
        for (message, at), future in zip(placed, sent, strict=True):
            if future.failed():
                refused.setdefault((message.topic, at), _batch(future))
        return [
            _outcome(future, refused=_batch(future) is refused.get((message.topic, at)))
            for (message, at), future in zip(placed, sent, strict=True)
        ]

    def abandon(self) -> None:
        """See `Producer.abandon`."""
        self._client.abandon()


def _batch(future: FutureRecordMetadata) -> object:
    """What is one and the same for the records that went out in one batch."""
    return future._produce_future  # noqa: SLF001 - it tells no other way


def _outcome(future: FutureRecordMetadata, *, refused: bool) -> int | Unsent:
    if future.succeeded():
        return int(future.value.offset)
    error = future.exception or TimeoutError("no acknowledgement in time")
    return Unsent(error, for_good=refused and isinstance(error, _TOO_LARGE))
