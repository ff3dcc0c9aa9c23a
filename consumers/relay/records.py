"""From rows of the log to records on Kafka; nothing here asks anybody anything.

Every event passes through here, and a relay that was away has millions: what is done for each of
them is little.
"""

import json
import traceback
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from pydantic_core import from_json

from consumers import wire
from consumers.topics import Topics
from domain.effective import Lanes
from domain.ids import OrgId, org_json, org_of
from domain.instants import iso
from domain.json_text import json_text
from domain.org import Org
from projections.outgoing import Event, State
from projections.snapshot import Snapshots

MOST_BYTES = 900_000  # of one record: brokers refuse more than a megabyte

Before = Literal["the same", "unknown"]


class Unrenderable(Exception):
    """No record can be made of something; says why."""


class Message(NamedTuple):
    """One record to send; `position` is the event's, 0 for what belongs to none."""

    topic: str
    key: bytes
    value: bytes | None
    headers: wire.Headers
    position: int = 0
    partition: int | None = None


class Renderer:
    """Makes records of one ledger's events and orgs.

    What cannot be rendered becomes a dead letter in its place: later events of the same org go
    after it and do not wait, as the state record, which is whole in itself, has all of them.
    """

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self.refused: set[tuple[str, bytes, int]] = set()
        """Topic, key and position of records that the broker will not take."""

    def event(self, event: Event, *, epoch: int) -> Message:
        """One event; a dead letter when it cannot be rendered."""
        org = org_of(event.stream)
        key = (org or event.stream).encode()
        try:
            if self.refused and (self._topics.events, key, event.position) in self.refused:
                raise Unrenderable("the broker refuses it")
            body = _body(event)
            recorded_at = iso(event.recorded_at)
            value = _with_place(event, org, recorded_at)
            found = _headers(event, key if org is not None else None, recorded_at, epoch=epoch)
            if (trace := body.get(wire.TRACEPARENT)) is not None:
                found.append((wire.TRACEPARENT, str(trace).encode()))
        except Exception as error:
            return self._dead(event, key, epoch=epoch, error=error)
        return Message(self._topics.events, key, value, found, event.position)

    def state(
        self,
        state: State,
        org: Org,
        *,
        before: Lanes | Before,
        cause: str,
        recorded_at: datetime | None,
        snapshots: Snapshots,
        epoch: int,
        at: datetime,
    ) -> Message:
        """The present state of one org; `before` is what it had when it was last published."""
        if (self._topics.state, state.org.encode(), state.position) in self.refused:
            raise Unrenderable("the broker refuses it")
        more = {
            "changed_keys": _changed(before, org.lanes, snapshots, at),
            "cause": cause,
            "kind": "state",
        }
        value = snapshots.written(org, position=state.position, epoch=epoch, at=at, more=more)
        found = wire.headers(
            ce_id=f"{epoch}-{state.org}-{state.version}-{snapshots.catalog.version}-{iso(at)}",
            ce_type=wire.STATE_TYPE,
            ce_subject=state.org,
            ce_time=iso(recorded_at or at),
            ce_sequence=state.position,
            ce_orgversion=state.version,
            ce_catalogversion=snapshots.catalog.version,
            ce_ledgerepoch=epoch,
        )
        return Message(self._topics.state, state.org.encode(), value, found, state.position)

    def unreadable(self, state: State, *, epoch: int, error: Exception) -> Message:
        """The dead letter of an org whose state cannot be rendered."""
        found = wire.headers(
            ce_id=f"{epoch}-{state.org}-{state.version}",
            ce_type=wire.STATE_TYPE,
            ce_subject=state.org,
            ce_sequence=state.position,
            ce_orgversion=state.version,
            ce_ledgerepoch=epoch,
            **_told(error, topic=self._topics.state),
        )
        return Message(self._topics.dead_letter, state.org.encode(), state.body, found)

    def heartbeat(self, partition: int, *, epoch: int, position: int, at: datetime) -> Message:
        """Everything recorded by `at`, which is up to `position`, has been published."""
        body = {"kind": "heartbeat", "epoch": epoch, "position": position, "ledger_time": iso(at)}
        found = wire.headers(
            ce_id=f"{epoch}-{position}-{iso(at)}",
            ce_type=wire.HEARTBEAT_TYPE,
            ce_time=iso(at),
            ce_sequence=position,
            ce_ledgerepoch=epoch,
        )
        key = wire.HEARTBEAT_KEY
        return Message(self._topics.state, key, _written(body), found, partition=partition)

    def _dead(self, event: Event, key: bytes, *, epoch: int, error: Exception) -> Message:
        found = wire.headers(
            ce_id=event.event_id,
            ce_type=event.topic,
            ce_subject=org_of(event.stream),
            ce_time=iso(event.recorded_at),
            ce_sequence=event.position,
            ce_orgversion=event.version,
            ce_ledgerepoch=epoch,
            **_told(error, topic=self._topics.events),
        )
        value = event.body if len(event.body) <= MOST_BYTES else b""
        return Message(self._topics.dead_letter, key, value, found, event.position)


def tombstone(topics: Topics, org: OrgId, *, epoch: int) -> Message:
    """That there is no such org (any more)."""
    found = wire.headers(
        ce_id=f"{epoch}-{org}-gone",
        ce_type=wire.STATE_TYPE,
        ce_subject=org,
        ce_sequence=0,
        ce_orgversion=0,
        ce_ledgerepoch=epoch,
    )
    return Message(topics.state, org.encode(), None, found)


def _body(event: Event) -> Mapping[str, Any]:
    try:
        body = from_json(event.body, cache_strings="keys")
    except ValueError:
        body = json.loads(event.body)  # whose words are in the dead letters there are
    if not isinstance(body, dict):
        raise Unrenderable("its body is no JSON object")
    if len(event.body) > MOST_BYTES:
        raise Unrenderable(f"it has {len(event.body)} bytes, more than {MOST_BYTES}")
    return body


def _with_place(event: Event, org: OrgId | None, recorded_at: str) -> bytes:
    """The stored body as it is, with its place put in front."""
    version = event.version if org is not None else "null"
    place = (
        f'{_whose(org, event.topic)}"position":{event.position},"org_version":{version},'
        f'"recorded_at":"{recorded_at}"'
    )
    rest = event.body.lstrip()[1:]
    return place.encode() + (b"," if rest.strip() != b"}" else b"") + rest


@lru_cache(maxsize=100_000)
def _whose(org: OrgId | None, topic: str) -> str:
    """How the record of such an event begins."""
    whose = org_json(org) if org is not None else None
    return f'{{"org_id":{json_text(whose)},"type":{json_text(topic)},'


def _headers(event: Event, org: bytes | None, recorded_at: str, *, epoch: int) -> wire.Headers:
    """Those that `wire.headers` would give of it, spelled out: there are millions."""
    found = [*wire.FIXED, (wire.ID, event.event_id.encode()), (wire.TYPE, event.topic.encode())]
    if org is not None:
        found += [(wire.SUBJECT, org), (wire.ORG_VERSION, b"%d" % event.version)]
    found += [
        (wire.TIME, recorded_at.encode()),
        (wire.SEQUENCE, b"%d" % event.position),
        (wire.EPOCH, b"%d" % epoch),
    ]
    return found


def _changed(
    before: Lanes | Before, now: Lanes, snapshots: Snapshots, at: datetime
) -> Sequence[str]:
    """The keys whose effective state is another one than it would be without the change."""
    if before == "the same":
        return []
    if before == "unknown":
        return snapshots.keys
    return snapshots.changed(before, now, at)


def _told(error: Exception, *, topic: str) -> dict[str, str]:
    return {
        "error_type": type(error).__name__,
        "error_message": str(error)[:500],
        "error_topic": topic,
        "error_trace": "".join(traceback.format_exception_only(error))[:1000],
    }


def _written(document: Mapping[str, Any]) -> bytes:
    return _JSON.encode(document).encode()


_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
