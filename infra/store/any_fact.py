"""Facts for reading aloud: one that cannot be understood is shown as it is stored."""

import json
from typing import Any
from uuid import UUID

from domain.facts import LedgerEvent
from domain.instants import BEGINNING, from_iso, iso
from infra.store.mapper import UnknownFact, read_fact


class UnreadFact(LedgerEvent):
    """A fact whose topic is not known here: what every fact carries, and the rest as stored."""


def read_any_fact(stream: str, version: int, topic: str, body: bytes) -> LedgerEvent:
    """The fact at one place of a stream, whatever wrote it.

    Only a newer version may know it, or somebody may have damaged it. For pages and exports only:
    nothing may be decided by a fact that is not understood.
    """
    try:
        return read_fact(stream, version, topic, body)
    except UnknownFact:
        return _unread(stream, version, topic, json.loads(body))
    except (ValueError, LookupError, TypeError, AttributeError):
        stored = body.decode(errors="backslashreplace")
        return _unread(stream, version, topic, {"unreadable": stored})


def _unread(stream: str, version: int, topic: str, body: dict[str, Any]) -> UnreadFact:
    fields = _NOTHING | {name: value for name, value in body.items() if value is not None}
    for name in ("timestamp", "effective_at"):
        fields[name] = from_iso(fields[name])
    fields["event_id"] = UUID(fields["event_id"])
    fact = object.__new__(UnreadFact)
    place = {"originator_id": stream, "originator_version": version, "TOPIC": topic}
    fact.__dict__.update(fields | place)
    return fact


_NOTHING: dict[str, Any] = dict.fromkeys(LedgerEvent.__annotations__) | {
    "actor": "",
    "actor_type": "",
    "reason": "",
    "timestamp": iso(BEGINNING),
    "effective_at": iso(BEGINNING),
    "event_id": str(UUID(int=0)),
}
