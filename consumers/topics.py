"""The topics: their names, how each is kept, and a clear word when one exists otherwise."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import TopicAlreadyExistsError

DAY_MS = 86_400_000
EVENTS_KEPT_DAYS = 7
PARTITIONS = 3
_CLEANUP = "cleanup.policy"
_LARGEST, _USUAL_LARGEST = "max.message.bytes", 1_000_000


class TopicMisconfigured(Exception):
    """A topic exists that loses what it is for; says by which setting, and how to mend it."""

    def __init__(self, topic: str, *, setting: str, found: str, wanted: str) -> None:
        super().__init__(
            f"The topic {topic} exists with {setting}={found} and must have {setting}={wanted}: "
            f"kafka-configs --alter --entity-type topics --entity-name {topic} "
            f"--add-config {setting}={wanted}, or let it be created by deleting it."
        )
        self.topic, self.setting, self.found, self.wanted = topic, setting, found, wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """The names of one ledger's topics; a prefix lets several ledgers share a cluster."""

    events: str
    state: str
    dead_letter: str

    @classmethod
    def named(cls, prefix: str = "") -> "Topics":
        """The names, which are fixed but for the prefix: never rename."""
        return cls(
            events=f"{prefix}entitlements.events.v1",
            state=f"{prefix}entitlements.state.v1",
            dead_letter=f"{prefix}entitlements.dead-letter.v1",
        )

    def settings(self) -> dict[str, dict[str, str]]:
        """How each topic is kept: events and dead letters by time, the state compacted."""
        return {
            self.events: {_CLEANUP: "delete", "retention.ms": str(EVENTS_KEPT_DAYS * DAY_MS)},
            # A subscriber that was away for a week still finds every tombstone.
            self.state: {_CLEANUP: "compact", "delete.retention.ms": str(30 * DAY_MS)},
            self.dead_letter: {_CLEANUP: "delete", "retention.ms": str(30 * DAY_MS)},
        }


class TopicsFound(NamedTuple):
    """The topics as a broker has them: partitions by name, and those kept in a way that loses."""

    partitions: Mapping[str, int]
    missing: list[str]
    misconfigured: list[TopicMisconfigured]


def ensure_topics(servers: str, topics: Topics, *, partitions: int, timeout_ms: int) -> int:
    """Create the topics that are missing, and look at those that are there.

    Returns:
        How many bytes a batch may have in each of them.

    Raises:
        TopicMisconfigured: one is cleaned up in a way that loses what it is for.
        kafka.errors.KafkaError: the broker cannot be asked.
    """
    with _asking(servers, timeout_ms=timeout_ms) as admin:
        wanted = topics.settings()
        there = set(admin.list_topics())
        missing: dict[str, dict[str, Any]] = {
            name: {"num_partitions": partitions, "configs": configs}
            for name, configs in wanted.items()
            if name not in there
        }
        if missing:
            _create(admin, missing)
        found = _settings(admin, list(wanted))
        for problem in _problems(found, wanted):
            raise problem
        return min(
            (int(largest) for at in found.values() if (largest := at.get(_LARGEST)) is not None),
            default=_USUAL_LARGEST,
        )


def look_at_topics(servers: str, topics: Topics, *, timeout_ms: int) -> TopicsFound:
    """How the broker keeps the topics; changes nothing.

    Raises:
        kafka.errors.KafkaError: the broker cannot be asked.
    """
    with _asking(servers, timeout_ms=timeout_ms) as admin:
        wanted = topics.settings()
        names = set(admin.list_topics())
        there = {name: wanted[name] for name in wanted if name in names}
        described = admin.describe_topics(list(there)) if there else []
        return TopicsFound(
            partitions={each["name"]: len(each["partitions"]) for each in described},
            missing=[name for name in wanted if name not in there],
            misconfigured=list(_problems(_settings(admin, list(there)), there)),
        )


@contextmanager
def _asking(servers: str, *, timeout_ms: int) -> Iterator[KafkaAdminClient]:
    admin = KafkaAdminClient(
        bootstrap_servers=servers, bootstrap_timeout_ms=timeout_ms, request_timeout_ms=timeout_ms
    )
    try:
        yield admin
    finally:
        admin.close()


def _create(admin: KafkaAdminClient, missing: Mapping[str, Mapping[str, Any]]) -> None:
    try:
        admin.create_topics(dict(missing), wait_for_metadata=True)
    except TopicAlreadyExistsError:  # another process was quicker
        admin.wait_for_topics(list(missing))


def _settings(admin: KafkaAdminClient, names: list[str]) -> dict[str, dict[str, str | None]]:
    """By topic, what it is kept by; a broker may not say everything."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    found = admin.describe_configs(resources, config_filter="all") if names else {}
    return {
        topic: {setting: entry.get("value") for setting, entry in settings.items()}
        for configs in found.values()
        for topic, settings in configs.items()
    }


def _problems(
    found: Mapping[str, Mapping[str, str | None]], wanted: Mapping[str, Mapping[str, str]]
) -> Iterator[TopicMisconfigured]:
    for topic, settings in found.items():
        policy = settings.get(_CLEANUP)
        if policy is not None and policy != wanted[topic][_CLEANUP]:
            yield TopicMisconfigured(
                topic, setting=_CLEANUP, found=policy, wanted=wanted[topic][_CLEANUP]
            )
