"""The state topic as kafka-python reads it: every partition, without a group, from where one likes.

A group would hand each partition to one process of a service, and would keep offsets apart from
what was done about them.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, OffsetOutOfRangeError

from entitlements_sdk.kafka.news import Record
from entitlements_sdk.kafka.sums import sum_in_c

STATE_TOPIC = "entitlements.state.v1"
WAIT_MS = 500  # a waiting fetch is woken by the broker, so this costs no time
_LOOK_FOR_PARTITIONS_MS = 5_000
_TIMEOUT_MS = 5_000


class TopicAway(Exception):
    """The broker cannot be asked, or has no such topic yet."""


class OffsetsGone(TopicAway):
    """The records that were to be read next are not there any more."""


class Topic:
    """One connection, for one thread at a time.

    Args:
        servers: `host:port`, several separated by commas.
        prefix: what the ledger's `LEDGER_TOPIC_PREFIX` says.
        options: what else `KafkaConsumer` needs to know, e.g. `security_protocol`.

    Raises:
        TopicAway: the broker cannot be reached.
    """

    def __init__(self, servers: str, *, prefix: str, options: Mapping[str, Any]) -> None:
        sum_in_c()
        self._name = prefix + STATE_TOPIC
        settings: dict[str, Any] = {
            "fetch_max_wait_ms": WAIT_MS,
            "metadata_max_age_ms": _LOOK_FOR_PARTITIONS_MS,
            "request_timeout_ms": _TIMEOUT_MS,
            "bootstrap_timeout_ms": _TIMEOUT_MS,
            "reconnect_backoff_max_ms": 1_000,
            "allow_auto_create_topics": False,
            "metrics_enabled": False,
            **options,
            "bootstrap_servers": servers.split(","),
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
        }
        with _away():
            self._consumer = KafkaConsumer(**settings)

    def close(self) -> None:
        """Hang up."""
        with _away():
            self._consumer.close()

    def partitions(self) -> frozenset[int]:
        """Those that there are.

        Raises:
            TopicAway: the topic is not there.
        """
        with _away():
            found = frozenset(self._consumer.partitions_for_topic(self._name) or ())
        if not found:
            raise TopicAway(f"there is no topic {self._name}")
        return found

    def assign(self, partitions: frozenset[int], *, offsets: Mapping[int, int]) -> None:
        """Read these from now on, the new ones among them from `offsets`."""
        with _away():
            self._consumer.assign([self._at(partition) for partition in sorted(partitions)])
        self.seek(offsets)

    def reach(self, partitions: frozenset[int]) -> dict[int, tuple[int, int]]:
        """The first offset of each, and the one after the last."""
        places = [self._at(partition) for partition in partitions]
        with _away():
            begins = self._consumer.beginning_offsets(places)
            ends = self._consumer.end_offsets(places)
        return {place.partition: (begins[place], ends[place]) for place in places}

    def seek(self, offsets: Mapping[int, int]) -> None:
        """Go on from these offsets."""
        with _away():
            for partition, offset in offsets.items():
                self._consumer.seek(self._at(partition), offset)

    def poll(self) -> list[Record]:
        """The next records, those of a partition in their order; none after half a second.

        Raises:
            OffsetsGone: what comes next was deleted.
            TopicAway: the broker cannot be asked.
        """
        with _away():
            polled = self._consumer.poll(timeout_ms=WAIT_MS)
        return [record for records in polled.values() for record in records]

    def _at(self, partition: int) -> TopicPartition:
        return TopicPartition(self._name, partition)


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except OffsetOutOfRangeError as error:
        raise OffsetsGone(repr(error)) from error
    except (KafkaError, OSError) as error:
        raise TopicAway(repr(error)) from error
