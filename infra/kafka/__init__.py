"""A Kafka broker of our own, so that propagation can be run and tested where none is installed."""

from infra.kafka.embedded import EmbeddedKafka
from infra.kafka.errors import KafkaUnavailable

__all__ = ["EmbeddedKafka", "KafkaUnavailable"]
