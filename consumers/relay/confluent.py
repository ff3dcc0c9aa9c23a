"""The relay's producer by confluent-kafka (librdkafka), which the extra `confluent` brings."""

import logging
from collections.abc import Sequence
from functools import partial
from typing import cast

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Delivery

from consumers.codec import QUICKLY
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

_TOO_LARGE = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE)

log = logging.getLogger("entitlements.relay.librdkafka")


class ConfluentProducer:
    """See `Producer`; connects when it is first asked for anything."""

    def __init__(self, servers: str, *, batch_bytes: int = BATCH_BYTES) -> None:
        self._client = Producer(
            {
                "bootstrap.servers": servers,
                "acks": "all",
                "enable.idempotence": True,
                "compression.type": "gzip",
                "compression.level": QUICKLY,
                "batch.size": batch_bytes,
                "linger.ms": LINGER_MS,
                "message.max.bytes": REQUEST_BYTES,
                "request.timeout.ms": TIMEOUT_MS,
                "message.timeout.ms": DELIVERY_MS,
                "reconnect.backoff.max.ms": 1_000,
                "allow.auto.create.topics": False,
            },
            logger=log,
        )

    def partitions(self, topic: str) -> Sequence[int]:
        """As the broker says now."""
        try:
            found = self._client.list_topics(topic, timeout=TIMEOUT_MS / 1000).topics[topic]
        except KafkaException as error:
            raise PublishFailed(error) from error
        if found.error is not None:
            raise PublishFailed(KafkaException(found.error))
        return sorted(found.partitions)

    def send(self, placed: Sequence[Placed]) -> list[int | Unsent]:
        """See `Producer.send`."""
        late = Unsent(TimeoutError("no acknowledgement in time"), for_good=False)
        outcomes: list[int | Unsent] = [late] * len(placed)

        def delivered(number: int, error: KafkaError | None, delivery: Delivery) -> None:
            if error is not None:
                outcomes[number] = _unsent(error)
            elif (offset := delivery.offset()) is not None:  # it is, but for a duplicate
                outcomes[number] = offset

        for number, (message, partition) in enumerate(placed):
            try:
                self._client.produce(
                    message.topic,
                    value=message.value,
                    key=message.key,
                    partition=partition,
                    headers=cast("list[tuple[str, str | bytes | None]]", message.headers),
                    on_delivery=partial(delivered, number),
                )
            except KafkaException as error:
                outcomes[number] = _unsent(error.args[0])
            except BufferError as error:
                raise PublishFailed(error) from error
        self._client.flush(FLUSH_SECONDS)
        return outcomes

    def abandon(self) -> None:
        """See `Producer.abandon`."""
        self._client.purge()
        self._client.close()


def _unsent(error: KafkaError) -> Unsent:
    return Unsent(KafkaException(error), for_good=error.code() in _TOO_LARGE)
