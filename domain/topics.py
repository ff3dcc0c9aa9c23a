"""Every fact there is, by its topic: whoever reads the log imports it from here, complete."""

from domain import bypass, facts, rollout_facts
from domain.facts import LedgerEvent

MODULES = (bypass, facts, rollout_facts)
BY_TOPIC: dict[str, type[LedgerEvent]] = LedgerEvent.BY_TOPIC
