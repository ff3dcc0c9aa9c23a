"""What the records of the state topic say, read once and for all."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from entitlements_sdk.instants import seconds_of
from entitlements_sdk.org_ids import org_id

_STATE = "entitlements.OrgState.v1"
_HEARTBEAT = "entitlements.Heartbeat.v1"


class Record(Protocol):
    """As much of a Kafka record as is looked at."""

    @property
    def partition(self) -> int: ...

    @property
    def offset(self) -> int: ...

    @property
    def key(self) -> bytes | None: ...

    @property
    def value(self) -> bytes | None: ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Version(NamedTuple):
    """How new a state is: what happened to the org first, then what it is judged by."""

    org: int
    catalog: int
    rollout: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgChanged:
    """The state an org came to.

    Attributes:
        states: every catalog key with `enabled`, `trial` or `disabled`.
        denied_by: every disabled key with its reason.
        changed_keys: what the last change changed; who missed records compares with its own.
        cause: the type of the event, e.g. `entitlements.GrantEnded.v1`, or `republished`.
        document: all of it, as `GET /api/v1/orgs/{org}/snapshot` has it too.
    """

    org: str
    version: Version
    epoch: int
    states: Mapping[str, str]
    denied_by: Mapping[str, str]
    changed_keys: Sequence[str]
    cause: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgGone:
    """There is no such org any more: the ledger was restored from before it was registered."""

    org: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOver:
    """The ledger was restored, or its topic lost: every org is told of again, by this epoch."""

    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat:
    """All that was recorded by `ledger_seconds` (since 1970) is in this partition by now."""

    epoch: int
    ledger_seconds: float


News = OrgChanged | OrgGone | StartOver


def read(record: Record) -> OrgChanged | OrgGone | Heartbeat | None:
    """What a record says; None for kinds that a newer ledger invents.

    Raises:
        ValueError, KeyError, TypeError: it does not say what its type promises.
    """
    headers = {name: value.decode() for name, value in record.headers}
    kind = headers.get("ce_type")
    if kind == _HEARTBEAT:
        told = json.loads(record.value or b"")
        return Heartbeat(epoch=int(told["epoch"]), ledger_seconds=seconds_of(told["ledger_time"]))
    if kind != _STATE or record.key is None:
        return None
    if record.value is None:
        gone = org_id(record.key.decode())
        return OrgGone(org=gone, epoch=int(headers["ce_ledgerepoch"]))
    return _changed(json.loads(record.value))


def _changed(document: Mapping[str, Any]) -> OrgChanged:
    return OrgChanged(
        org=org_id(document["org_id"]),
        version=Version(
            int(document["org_version"]),
            int(document["catalog_version"]),
            int(document["rollout_version"]),
        ),
        epoch=int(document["ledger_epoch"]),
        states=dict(document["states"]),
        denied_by=dict(document["denied_by"]),
        changed_keys=tuple(document["changed_keys"]),
        cause=str(document["cause"]),
        document=document,
    )
