"""State records written by hand, and subscribers that run in a thread."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from kafka import KafkaProducer

from consumers import wire
from consumers.relay.records import Message, tombstone
from consumers.topics import Topics, ensure_topics
from domain.ids import OrgId, org_json
from entitlements_sdk.kafka import News, OrgChanged, OrgGone, Subscriber


def state(
    topics: Topics,
    org: str,
    version: int,
    *,
    epoch: int = 1,
    catalog: int = 1,
    rollout: int = 0,
    crm: str = "enabled",
) -> Message:
    """The record of an org at a version, as far as it is read."""
    document = {
        "org_id": org_json(OrgId(org)),
        "org_version": version,
        "position": 100 + version,
        "ledger_epoch": epoch,
        "catalog_version": catalog,
        "rollout_version": rollout,
        "evaluated_at": "2026-01-31T12:00:00.000000Z",
        "next_boundary": None,
        "gating": {"default": "enforce", "modules": {}},
        "states": {"crm": crm},
        "denied_by": {} if crm != "disabled" else {"crm": "revoked"},
        "changed_keys": ["crm"],
        "cause": "entitlements.GrantEnded.v1",
        "kind": "state",
    }
    headers = wire.headers(ce_type=wire.STATE_TYPE, ce_subject=org, ce_ledgerepoch=epoch)
    return Message(topics.state, org.encode(), json.dumps(document).encode(), headers)


def gone(topics: Topics, org: str, *, epoch: int) -> Message:
    """The record of an org that there is no more."""
    return tombstone(topics, OrgId(org), epoch=epoch)


def beat(topics: Topics, ledger_time: str, *, epoch: int = 1) -> Message:
    """A heartbeat."""
    body = {"kind": "heartbeat", "epoch": epoch, "position": 1, "ledger_time": ledger_time}
    headers = wire.headers(ce_type=wire.HEARTBEAT_TYPE, ce_ledgerepoch=epoch)
    return Message(topics.state, wire.HEARTBEAT_KEY, json.dumps(body).encode(), headers)


def send(servers: str, messages: Sequence[Message], *, partition: int = 0) -> None:
    """Write records, in order, to one partition."""
    producer = KafkaProducer(bootstrap_servers=servers, metrics_enabled=False)
    for message in messages:
        producer.send(
            message.topic,
            key=message.key,
            value=message.value,
            headers=message.headers,
            partition=partition,
        ).get(10)
    producer.close()


def made(servers: str, topics: Topics, *, partitions: int = 1) -> None:
    """The topics, empty."""
    ensure_topics(servers, topics, partitions=partitions, timeout_ms=5_000)


def prefix_of(topics: Topics) -> str:
    """What was put before the names."""
    return topics.state.removesuffix(Topics.named().state)


@contextmanager
def subscribing(subscriber: Subscriber) -> Iterator[Subscriber]:
    """It runs while the block does."""
    thread = threading.Thread(target=subscriber.run, daemon=True)
    thread.start()
    try:
        yield subscriber
    finally:
        subscriber.stop()
        thread.join(30)
        assert not thread.is_alive()


class Told:
    """A handler that writes down what it is told; it can be made to fail."""

    def __init__(self) -> None:
        self.news: list[News] = []
        self.failures = 0

    def __call__(self, news: News) -> None:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the handler's own trouble")
        self.news.append(news)

    def shortly(self) -> list[Any]:
        """Org and version; an org alone that is gone; an epoch alone that begins."""
        return [
            (each.org, each.version.org)
            if isinstance(each, OrgChanged)
            else each.org
            if isinstance(each, OrgGone)
            else each.epoch
            for each in self.news
        ]
