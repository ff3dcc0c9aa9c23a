"""Facts of a newer version, or damaged ones, as an auditor may see them: whole, never guessed."""

import json
from datetime import datetime
from typing import Any, get_type_hints
from uuid import UUID

from domain.facts import LedgerEvent, NewerFact, field_names
from domain.instants import BEGINNING, from_iso
from infra.store.mapper import UnknownFact, read_fact

_NOWHERE = UUID(int=0)


def read_any_fact(stream: str, version: int, topic: str, body: bytes) -> LedgerEvent:
    """The fact at one place of a stream, whatever wrote it.

    Only a newer version may know it, or somebody may have damaged it: then its body stands as it
    is. For pages and exports only; nothing may be decided by a fact that is not understood.
    """
    try:
        return read_fact(stream, version, topic, body)
    except (UnknownFact, ValueError, LookupError, TypeError, AttributeError):
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
