"""Facts to bytes and back: plain JSON that an auditor can read, the same bytes every time."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, cast, get_type_hints
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from domain.facts import LedgerEvent
from domain.instants import from_iso, iso
from domain.topics import BY_TOPIC

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
        return StoredEvent(
            originator_id=fact.originator_id,
            originator_version=fact.originator_version,
            topic=fact.TOPIC,
            state=fact_body(fact),
        )

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


def fact_body(fact: LedgerEvent) -> bytes:
    """The JSON body of a fact: every field but its place, in the order the class names them."""
    body = {field: value for field, value in vars(fact).items() if field not in _ENVELOPE}
    return _encoded(body).encode()


def read_fact(stream: str, version: int, topic: str, body: bytes) -> LedgerEvent:
    """The fact at one place of a stream.

    Raises:
        UnknownFact: its topic is of no fact this version knows.
    """
    cls = BY_TOPIC.get(topic)
    if cls is None:
        raise UnknownFact(topic, stream=stream, version=version)
    fields = json.loads(body)
    for field, read in _readers(cls).items():
        if fields[field] is not None:
            fields[field] = read(fields[field])
    fact = object.__new__(cls)
    fact.__dict__.update(originator_id=stream, originator_version=version, **fields)
    return fact


def _written(value: datetime | UUID) -> str:
    return iso(value) if isinstance(value, datetime) else str(value)


_encoded = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=_written).encode


@cache
def _readers(cls: type[LedgerEvent]) -> dict[str, Callable[[str], Any]]:
    """The fields of a fact that are not JSON as they stand, with what reads them."""
    readers: dict[str, Callable[[str], Any]] = {}
    for field, hint in get_type_hints(cls).items():
        if hint in (datetime, datetime | None):
            readers[field] = from_iso
        elif hint is UUID:
            readers[field] = UUID
    return readers
