"""What stands on the wire: CloudEvents 1.0 in Kafka's binary mode, and our extensions to it.

Names here are read by programs that nobody here wrote: never rename.
"""

from collections.abc import Iterable

HEARTBEAT_KEY = b"__heartbeat__"  # no org id begins with an underscore
SOURCE = "urn:entitlements-ledger"
STATE_TYPE = "entitlements.OrgState.v1"
HEARTBEAT_TYPE = "entitlements.Heartbeat.v1"

ID = "ce_id"
TYPE = "ce_type"
SUBJECT = "ce_subject"
TIME = "ce_time"
SEQUENCE = "ce_sequence"
ORG_VERSION = "ce_orgversion"
CATALOG_VERSION = "ce_catalogversion"
EPOCH = "ce_ledgerepoch"
TRACEPARENT = "traceparent"

Headers = list[tuple[str, bytes]]

FIXED: Headers = [
    ("ce_specversion", b"1.0"),
    ("ce_source", SOURCE.encode()),
    ("ce_sequencetype", b"Integer"),
    ("content-type", b"application/json"),
]


def headers(**values: str | int | None) -> Headers:
    """The fixed headers and these, under their `ce_` names; None leaves one out."""
    found = [(name, str(value).encode()) for name, value in values.items() if value is not None]
    return FIXED + found


def read(sent: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Headers by name."""
    return {name: value.decode() for name, value in sent}
