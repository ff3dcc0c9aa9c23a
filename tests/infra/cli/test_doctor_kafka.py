"""What the doctor says of Kafka: the broker, the topics and the relay, and how to mend them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient

from consumers.topics import Topics
from infra.cli.checks import broker
from infra.database import Database
from tests.consumers.carrying import a_relay, carried, running
from tests.infra.cli.shell import Shell
from tests.sdk.topic import prefix_of

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]


def found(shell: Shell, *, code: int = 0) -> dict[str, Any]:
    """What the doctor found out about Kafka."""
    checks = {check["name"]: check for check in shell.json("doctor", code=code)["checks"]}
    return {name: checks[name] for name in ("kafka", "topics", "relay") if name in checks}


@pytest.fixture
def told(database: Database, kafka: str, topics: Topics, tmp_path: Path) -> Shell:
    """A shell whose ledger publishes to a broker."""
    more = {"LEDGER_KAFKA_BOOTSTRAP_SERVERS": kafka, "LEDGER_TOPIC_PREFIX": prefix_of(topics)}
    return Shell.over(database, data_dir=tmp_path, **more)


async def test_everything_that_works_is_told(
    told: Shell, database: Database, kafka: str, topics: Topics
) -> None:
    await asyncio.to_thread(told.new_org)
    before = await asyncio.to_thread(found, told, code=1)
    assert {name: check["health"] for name, check in before.items()} == {
        "kafka": "ok",
        "topics": "warn",
        "relay": "problem",
    }
    assert "entitlements relay" in before["relay"]["mend"]
    async with running(a_relay(database, kafka, topics)) as relay:
        await carried(relay, position=2)
        after = await asyncio.to_thread(found, told)
    assert {check["health"] for check in after.values()} == {"ok"}
    assert f"{topics.state} (2 partitions)" in after["topics"]["found"]
    assert "0 events behind" in after["relay"]["found"]


def test_a_topic_that_loses_states_is_told_with_its_remedy(
    told: Shell, kafka: str, topics: Topics
) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.create_topics({topics.state: {"num_partitions": 1}}, wait_for_metadata=True)
    admin.close()
    problem = found(told, code=1)["topics"]
    assert problem["health"] == "problem"
    assert f"--entity-name {topics.state} --add-config cleanup.policy=compact" in problem["found"]


def test_a_broker_that_cannot_be_reached_is_told(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "_TIMEOUT_MS", 300)
    shell = Shell.over(database, data_dir=tmp_path, LEDGER_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    problem = found(shell, code=1)["kafka"]
    assert problem["health"] == "problem"
    assert "LEDGER_KAFKA_BOOTSTRAP_SERVERS" in problem["mend"]
