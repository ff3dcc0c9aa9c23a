"""Facts to bytes and back: plain JSON that an auditor can read, the same bytes every time."""

from collections.abc import Callable
from datetime import datetime
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, cast, get_type_hints
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent
from pydantic_core import SchemaValidator, core_schema, from_json

from domain.facts import LedgerEvent, field_names
from domain.instants import from_iso
from domain.json_text import json_texts, template
from domain.topics import BY_TOPIC
from domain.upcasts import UPCASTS, Upcasts
from infra.store.append import StoredFact

# In a fifth of the time of `UUID(text)`, and as lax about spellings that we never write.
_uuid = SchemaValidator(core_schema.uuid_schema()).validate_python
_ENVELOPE = ("originator_id", "originator_version")


class UnknownFact(Exception):
    """A stored fact of a topic this version does not know: a newer one wrote it."""

    def __init__(self, topic: str, *, stream: str, version: int) -> None:
        super().__init__(
            f"'{topic}' (version {version} of stream '{stream}') is not known to this version; "
            "run the version that wrote it, or a newer one."
        )
        self.topic, self.stream, self.version = topic, stream, version


class FactMapper(Mapper[str]):
    """The library's mapper with a body of plain JSON and topics resolved from the facts alone."""

    def __init__(self) -> None:
        super().__init__(transcoder=JSONTranscoder())

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """The stored form; the stream and the version stand beside the body, not in it."""
        fact = cast(LedgerEvent, domain_event)
        _, topic, body = stored(fact)
        return StoredEvent(fact.originator_id, fact.originator_version, topic, body)

    def to_domain_event(self, stored_event: StoredEvent) -> LedgerEvent:
        """The fact that was stored.

        Raises:
            UnknownFact: its topic is of no fact this version knows.
        """
        return read_fact(
            str(stored_event.originator_id),
            stored_event.originator_version,
            stored_event.topic,
            stored_event.state,
        )


def stored(fact: LedgerEvent) -> StoredFact:
    """What an append takes of a fact."""
    return StoredFact(fact.event_id, fact.TOPIC, fact_body(fact))


def fact_body(fact: LedgerEvent) -> bytes:
    """The JSON body of a fact: every field but its place, in the order the class names them."""
    form, values = _form(type(fact))
    kept = vars(fact)
    timestamp, event_id, *content = json_texts(values(kept))
    return (form % (timestamp, event_id, _said(_provenance(kept)), *content)).encode()


def read_fact(
    stream: str, version: int, topic: str, body: bytes, *, upcasts: Upcasts = UPCASTS
) -> LedgerEvent:
    """The fact at one place of a stream, in today's form.

    Raises:
        UnknownFact: its topic is of no fact this version knows.
    """
    cls = BY_TOPIC.get(upcasts.newest(topic))
    if cls is None:
        raise UnknownFact(topic, stream=stream, version=version)
    fields = upcasts.body(topic, from_json(body, cache_strings="keys"))
    for field, read in _readers(cls):
        kept = fields[field]
        if kept is not None:
            fields[field] = read(kept)
    fields["originator_id"], fields["originator_version"] = stream, version
    fact = object.__new__(cls)
    object.__setattr__(fact, "__dict__", fields)  # it is frozen to everybody else
    return fact


_PROVENANCE = (
    "actor",
    "actor_type",
    "on_behalf_of",
    "reason",
    "ticket",
    "correlation_id",
    "causation_id",
    "batch_id",
    "traceparent",
)
_provenance = itemgetter(*_PROVENANCE)


# All facts of one command, and of one import, were said by the same actor for the same reason.
@lru_cache(maxsize=64)
def _said(values: tuple[str | None, ...]) -> str:
    return (template(_PROVENANCE) % json_texts(values))[1:-1]


@cache
def _form(cls: type[LedgerEvent]) -> tuple[str, Callable[[dict[str, Any]], tuple[Any, ...]]]:
    """The body of a fact with a gap for each value, and what takes the values from the fact."""
    names = [name for name in field_names(cls) if name not in _ENVELOPE]
    first = names.index(_PROVENANCE[0])
    before, after = names[:first], names[first + len(_PROVENANCE) :]
    form = ",".join((template(before)[:-1], "%s", template(after)[1:]))
    return form, itemgetter(*before, *after)


@cache
def _readers(cls: type[LedgerEvent]) -> tuple[tuple[str, Callable[[str], Any]], ...]:
    """The fields of a fact that are not JSON as they stand, with what reads them."""
    readers: dict[str, Callable[[str], Any]] = {}
    for field, hint in get_type_hints(cls).items():
        if hint in (datetime, datetime | None):
            readers[field] = from_iso
        elif hint is UUID:
            readers[field] = _uuid
    return tuple(readers.items())
