"""How propagation through Kafka stands as one server sees it, with the sentence that mends it."""

from typing import Any

from api.parts import Check
from infra.propagation import Propagation
from projections.relayed import Relayed

LATE_SECONDS = 10.0  # the bound for who hears of changes through Kafka alone
NO_RELAY = "No relay is running: start 'entitlements relay', or 'entitlements serve' with Kafka."
LOOK_AT_THE_LOG = "The relay is behind: what its log says keeps it, or it catches up by itself."


def kafka_check(propagation: Propagation, relay: Relayed | None) -> Check:
    """As one server sees it; always ready, as the feed inside PostgreSQL tells it, too."""
    facts: dict[str, Any] = {
        "hearing": propagation.hearing.current(),
        "relay_here": propagation.relay.standing,
    }
    if relay is not None:
        facts |= {
            "relay_position": relay.position,
            "relay_lag_events": relay.lag_events,
            "relay_lag_seconds": round(relay.lag_seconds, 3),
            "republishing": relay.republishing,
        }
    problem, mend = _problem(propagation, relay)
    if problem:
        facts |= {"problem": problem, "mend": mend}
    return Check(name="kafka", ok=True, facts=facts)


def _problem(propagation: Propagation, relay: Relayed | None) -> tuple[str | None, str]:
    if propagation.relay.standing == "held":
        return propagation.relay.problem, "Do what it says; nothing is published until then."
    if propagation.relay.standing == "waiting" or propagation.hearing.problem:
        return propagation.relay.problem or propagation.hearing.problem, reach(propagation.servers)
    if relay is None or not relay.held:
        return "no relay is running", NO_RELAY
    if relay.lag_seconds > LATE_SECONDS:
        return f"the relay is {relay.lag_events} events behind", LOOK_AT_THE_LOG
    return None, ""


def reach(servers: str) -> str:
    """What to do about a broker that cannot be reached."""
    return (
        f"Start the broker at {servers}, or correct LEDGER_KAFKA_BOOTSTRAP_SERVERS; until then "
        "changes are told within PostgreSQL only."
    )
