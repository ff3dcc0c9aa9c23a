"""Readers that nobody here wrote: AsyncAPI's parser, the CNCF's CloudEvents SDK, and kcat."""

import asyncio
import json
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import api
from consumers.topics import Topics
from domain.commands import GrantAccess, RevokeAccess
from infra.database import Database
from infra.wiring import Parts
from tests.brokers import everything
from tests.consumers.carrying import a_relay, carried, running
from tests.consumers.messages.examples import FIXTURES
from tests.infra.store.orders import CRM, order, registration

HERE = Path(__file__).parent
DOCUMENT = Path(api.__file__).with_name("asyncapi.yaml")
WITHIN = 120  # seconds


def problems(node_modules: Path, document: Path, fixtures: Path) -> list[str]:
    words = ["node", *map(str, (HERE / "validate.mjs", node_modules, document, fixtures))]
    done = subprocess.run(words, capture_output=True, text=True, timeout=WITHIN, check=False)
    assert done.stderr == ""
    lines: list[str] = done.stdout.splitlines()
    return lines


def test_the_document_is_valid_and_every_fixture_is_by_it(node_modules: Path) -> None:
    assert problems(node_modules, DOCUMENT, FIXTURES / "messages") == []


def test_what_is_not_so_would_be_found(node_modules: Path, tmp_path: Path) -> None:
    """A document that is none, and records that say something else."""
    torn = tmp_path / "torn.yaml"
    torn.write_text(DOCUMENT.read_text("utf-8").replace("action: send", "action: shout", 1))
    assert "action" in " ".join(problems(node_modules, torn, FIXTURES / "messages"))
    state = json.loads((FIXTURES / "messages" / "OrgState.v1.json").read_text("utf-8"))
    state["value"]["states"]["crm"] = "perhaps"
    del state["headers"]["ce_id"]
    fixtures = tmp_path / "fixtures"
    fixtures.mkdir()
    (fixtures / "OrgState.v1.json").write_text(json.dumps(state), "utf-8")
    found = problems(node_modules, DOCUMENT, fixtures)
    assert [line.split()[1] for line in found] == ["headers", "payload"]


@pytest.fixture
async def published(parts: Parts, database: Database, kafka: str, topics: Topics) -> Topics:
    """Topics with what a registration, a grant and a revocation left there."""
    await parts.ledger.execute(registration("42", GrantAccess(key=CRM)))
    await parts.ledger.execute(order("42", RevokeAccess(key=CRM)))
    async with running(a_relay(database, kafka, topics)) as relay:
        await carried(relay, position=4)
    return topics


async def said(*words: object) -> list[str]:
    """What a program prints; it must succeed."""
    run = partial(subprocess.run, capture_output=True, text=True, timeout=WITHIN, check=False)
    done = await asyncio.to_thread(run, [str(word) for word in words])
    assert done.returncode == 0, done.stderr
    return str(done.stdout).splitlines()


def is_event(headers: dict[str, Any]) -> bool:
    """The attributes that CloudEvents 1.0 requires, in Kafka's binary mode."""
    return all(headers.get(f"ce_{name}") for name in ("id", "source", "specversion", "type"))


@pytest.mark.anyio
@pytest.mark.one_server
async def test_the_sdk_of_cloudevents_reads_valid_events(
    node_modules: Path, published: Topics, kafka: str
) -> None:
    """Every record of both topics, heartbeats among them, is valid by its own judgement."""
    topics = [published.events, published.state]
    count = sum(len(everything(kafka, topic)) for topic in topics)
    words = ["node", HERE / "read.mjs", node_modules, kafka, count, *topics]
    found = [json.loads(line) for line in await said(*words)]
    assert len(found) == count
    events = {each["event"]["type"]: each["event"] for each in found}
    assert {each["topic"] for each in found} == set(topics)
    ended = events.get("entitlements.GrantEnded.v1", {})
    assert (ended.get("subject"), ended.get("orgversion")) == ("42", "3")
    assert ended["data"]["org_id"] == 42


@pytest.mark.anyio
@pytest.mark.one_server
async def test_kcat_reads_valid_events(published: Topics, kafka: str) -> None:
    kcat = shutil.which("kcat") or shutil.which("kafkacat")
    if kcat is None:
        pytest.skip("kcat is not installed")
    for topic in (published.events, published.state):
        words = [kcat, "-C", "-b", kafka, "-t", topic, "-o", "beginning", "-e", "-q", "-J"]
        records = [json.loads(line) for line in await said(*words)]
        assert records
        for record in records:
            names, values = record["headers"][::2], record["headers"][1::2]
            assert is_event(dict(zip(names, values, strict=True)))
