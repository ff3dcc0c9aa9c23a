"""The relay's client of Kafka is the one that the settings name."""

from typing import get_args

import pytest

from consumers.relay.confluent import ConfluentProducer
from consumers.relay.kafka_python import PythonProducer
from infra.propagation import client_of
from infra.settings import Settings

CLIENTS = {"kafka-python": PythonProducer, "confluent-kafka": ConfluentProducer}


@pytest.mark.parametrize("named", get_args(Settings.model_fields["kafka_client"].annotation))
def test_every_client_that_can_be_named_is_there(named: str) -> None:
    settings = Settings.from_environment({"LEDGER_KAFKA_CLIENT": named})
    assert client_of(settings) is CLIENTS[named]
