"""Histories as people and programs read them: facts, spans and explanations in JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.catalog import Key
from domain.effective import Effective
from domain.explain import Explanation
from domain.facts import LedgerEvent, NewerFact
from domain.history import Recorded, Span
from domain.ids import OrgId, org_json, org_of
from domain.instants import iso

_ENVELOPE = frozenset(LedgerEvent.__annotations__)


def recorded(entry: Recorded) -> dict[str, Any]:
    """One event: its place, who said so and why, and its content under `data`."""
    fact = entry.fact
    org = org_of(fact.originator_id)
    content = fact.body if isinstance(fact, NewerFact) else _content(fact)
    about = org or content.get("org")  # a bypass stands in a stream of its own, and names the org
    return {
        "position": entry.position,
        "org_id": org_json(OrgId(about)) if isinstance(about, str) else None,
        "event_id": str(fact.event_id),
        "type": fact.TOPIC,
        "org_version": fact.originator_version if org else None,
        "recorded_at": iso(entry.recorded_at),
        "effective_at": iso(fact.effective_at),
        "actor": fact.actor,
        "actor_type": fact.actor_type,
        "on_behalf_of": fact.on_behalf_of,
        "reason": fact.reason,
        "ticket": fact.ticket,
        "correlation_id": fact.correlation_id,
        "batch_id": fact.batch_id,
        "data": content,
    }


def _content(fact: LedgerEvent) -> dict[str, Any]:
    return {
        name: iso(value) if isinstance(value, datetime) else value
        for name, value in vars(fact).items()
        if name not in _ENVELOPE
    }


def span(found: Span) -> dict[str, Any]:
    """One interval of a timeline, half open."""
    return {
        "from": iso(found.starts),
        "until": iso(found.ends) if found.ends else None,
        "status": found.state.label,
        "denied_by": found.denied_by,
        "sources": list(found.sources),
        "events": [recorded(entry) for entry in found.because],
    }


def explanation(found: Explanation) -> dict[str, Any]:
    """The ordered steps with their events, what would grant the key, and what comes next."""
    change = None
    if found.next_change is not None:
        at, state = found.next_change
        change = {"at": iso(at), "status": state.label}
    return {
        "key": found.key,
        "at": iso(found.at),
        "status": found.state.label,
        "denied_by": found.denied_by,
        "steps": [
            {
                "question": step.question,
                "answer": step.answer,
                "decides": step.decides,
                "events": [recorded(entry) for entry in step.facts],
            }
            for step in found.steps
        ],
        "would_grant": list(found.would_grant),
        "next_change": change,
    }


def states(found: Mapping[Key, Effective]) -> dict[str, str]:
    """Effective states by key."""
    return {key: state.label for key, state in found.items()}
