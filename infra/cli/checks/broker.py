"""Kafka, where it is configured: the broker, how it keeps the topics, and the relay's lag."""

from collections.abc import Iterator

from kafka.errors import KafkaError

from consumers.topics import look_at_topics
from infra.cli.checks.finding import Finding
from infra.kafka_readiness import LATE_SECONDS, LOOK_AT_THE_LOG, NO_RELAY, reach
from infra.propagation import broker_of, topics_of
from infra.settings import Settings
from infra.store.connections import connect
from projections.relayed import Relayed, relayed

_TIMEOUT_MS = 3_000


def check_broker(settings: Settings) -> Iterator[Finding]:
    """Findings about the broker; none where no Kafka is configured and none of our own runs."""
    servers = broker_of(settings)
    if servers is None:
        return
    try:
        found = look_at_topics(servers, topics_of(settings), timeout_ms=_TIMEOUT_MS)
    except (KafkaError, OSError) as error:
        told = f"{servers} cannot be reached: {type(error).__name__}"
        yield Finding.problem("kafka", told, mend=reach(servers))
        return
    yield Finding.ok("kafka", f"{servers} answers")
    for problem in found.misconfigured:
        yield Finding.problem("topics", str(problem), mend="Do that; the relay waits until then.")
    told = ", ".join(f"{name} ({count} partitions)" for name, count in found.partitions.items())
    if found.missing and not found.misconfigured:
        told = f"not made yet: {', '.join(found.missing)}"
        yield Finding.warn("topics", told, mend="The relay makes them when it starts.")
    elif not found.misconfigured:
        yield Finding.ok("topics", told)


async def check_relay(settings: Settings, url: str) -> list[Finding]:
    """A finding about the relay, as the database knows of it."""
    if broker_of(settings) is None:
        return []
    connection = await connect(url)
    try:
        return [_relay(await relayed(connection))]
    finally:
        await connection.close()


def _relay(relay: Relayed | None) -> Finding:
    if relay is None:
        return Finding.problem("relay", "never ran", mend=NO_RELAY)
    told = f"at position {relay.position}, {relay.lag_events} events behind"
    if not relay.held:
        return Finding.problem("relay", f"{told}, and nobody has it", mend=NO_RELAY)
    if relay.lag_seconds > LATE_SECONDS:
        late = f"{told} ({relay.lag_seconds:.0f} s)"
        return Finding.warn("relay", late, mend=LOOK_AT_THE_LOG)
    return Finding.ok("relay", told)
