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

    def __init__(self, servers: str, *, batch_bytes: int = BATCH_BYTES) -> None:
        self._batch_bytes = batch_bytes
        speed_up()
        try:
            self._client = Abandonable(
                bootstrap_servers=servers,
                acks="all",
                enable_idempotence=True,
                compression_type="gzip",
                batch_size=batch_bytes,
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
        failed: list[int] = []  # of those that may have a batch for themselves, in order of time
        sent: list[FutureRecordMetadata] = []
        try:
            for number, (message, at) in enumerate(placed):
                sent.append(self._client.place(message, places[message.topic, at]))
                if 2 * len(message.value or b"") > self._batch_bytes:
                    sent[-1].add_errback(lambda error, number=number: failed.append(number))
            self._client.flush(timeout=FLUSH_SECONDS)
        except _FAILURES as error:
            raise PublishFailed(error) from error
        # One that is refused ends the producer, and with it whatever it has not sent.
        return [_outcome(future, first=[n] == failed[:1]) for n, future in enumerate(sent)]

    def abandon(self) -> None:
        """See `Producer.abandon`."""
        self._client.abandon()


def _outcome(future: FutureRecordMetadata, *, first: bool) -> int | Unsent:
    if future.succeeded():
        return int(future.value.offset)
    error = future.exception or TimeoutError("no acknowledgement in time")
    return Unsent(error, for_good=first and isinstance(error, _TOO_LARGE))
