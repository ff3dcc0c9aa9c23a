"""Facts of a newer version as an auditor may see them: named, whole, and never guessed at."""

import json
from datetime import datetime
from typing import Any, get_type_hints
from uuid import UUID

from domain.facts import LedgerEvent, NewerFact, field_names
from domain.instants import BEGINNING, from_iso
from infra.store.mapper import UnknownFact, read_fact

_NOWHERE = UUID(int=0)


def read_any_fact(stream: str, version: int, topic: str, body: bytes) -> LedgerEvent:
    """The fact at one place of a stream; one that a newer version wrote keeps its body as it is."""
    try:
        return read_fact(stream, version, topic, body)
    except UnknownFact:
        return _newer(stream, version, topic, body)


def _newer(stream: str, version: int, topic: str, body: bytes) -> NewerFact:
    text = body.decode(errors="backslashreplace")
    try:
        kept = json.loads(text)
    except ValueError:
        kept = None
    if not isinstance(kept, dict):
        kept = {"text": text}
    fact = object.__new__(NewerFact)
    said = {field: _said(field, kept.get(field)) for field in _ENVELOPE}
    place = {"originator_id": stream, "originator_version": version}
    fact.__dict__.update(TOPIC=topic, body=kept, **said | place)
    return fact


_ENVELOPE = field_names(LedgerEvent)
_HINTS = get_type_hints(LedgerEvent)


def _said(field: str, value: Any) -> Any:
    """A value as every fact carries it; where it is missing or of another kind, none."""
    hint = _HINTS[field]
    if hint is datetime:
        return _read(from_iso, value, otherwise=BEGINNING)
    if hint is UUID:
        return _read(UUID, value, otherwise=_NOWHERE)
    if isinstance(value, str):
        return value
    return "" if hint is str else None


def _read(reading: Any, value: Any, *, otherwise: Any) -> Any:
    try:
        read = reading(value)
    except (ValueError, TypeError, AttributeError):
        return otherwise
    return otherwise if isinstance(read, datetime) and read.tzinfo is None else read
