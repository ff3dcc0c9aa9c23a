"""Identifiers: orgs as callers name them, the streams that belong to them, and event ids."""

import os
import re
from datetime import datetime
from functools import lru_cache
from typing import NewType
from uuid import UUID, SafeUUID

from domain.refusals import InvalidOrgId

OrgId = NewType("OrgId", str)
Stream = NewType("Stream", str)

CATALOG_STREAM = Stream("catalog")  # never rename: stored with every event
ROLLOUT_STREAM = Stream("rollout")  # never rename: stored with every event
AUDIT_READS_STREAM = Stream("audit-reads")  # never rename: stored with every event
_ORG_PREFIX = "org-"  # never rename: stored with every event
_ORG_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}")
_VERSION_AND_VARIANT = 0x7 << 76 | 0x2 << 62
_RANDOM_BITS = (1 << 80) - 1 & ~(0xF << 76 | 0x3 << 62)
_RANDOM_BYTES = 10
_DRAWN_AT_ONCE = 256  # the operating system takes longer to be asked than to answer
_UNKNOWN = SafeUUID.unknown
_LONGEST_NUMBER = 15  # digits a JSON number carries exactly in every client


def org_id(raw: str | int) -> OrgId:
    """`raw` as an org id: up to 64 letters, digits, `_`, `.`, `-`; all digits: a JSON integer.

    Raises:
        InvalidOrgId: another character, leading zeros, or a number no client can hold.
    """
    text = str(raw)
    if not _ORG_ID.fullmatch(text):
        raise InvalidOrgId(text)
    if text.isdigit() and (text != str(int(text)) or len(text) > _LONGEST_NUMBER or text == "0"):
        raise InvalidOrgId(text)
    return OrgId(text)


def org_json(org: OrgId) -> int | str:
    """How an org id stands in JSON: an integer when it is all digits."""
    return int(org) if org.isdigit() else org


def org_stream(org: OrgId) -> Stream:
    """The stream that holds everything about one org."""
    return Stream(_ORG_PREFIX + org)


def org_of(stream: str) -> OrgId | None:
    """The org a stream belongs to, or None for the streams that belong to none."""
    return OrgId(stream[len(_ORG_PREFIX) :]) if stream.startswith(_ORG_PREFIX) else None


def uuid7(now: datetime) -> UUID:
    """A time-ordered unique id (RFC 9562, version 7) of the millisecond `now`."""
    made = object.__new__(UUID)  # whose own way of making one takes longer than all the rest
    object.__setattr__(made, "int", _uuid7(now))
    object.__setattr__(made, "is_safe", _UNKNOWN)
    return made


def uuid_text(value: UUID) -> str:
    """What `str(value)` gives, sooner."""
    digits = value.bytes.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def uuid7_hex(now: datetime) -> str:
    """The hexadecimal digits of a `uuid7`."""
    return f"{_uuid7(now):032x}"


def _uuid7(now: datetime) -> int:
    return _milliseconds(now) << 80 | _random() & _RANDOM_BITS | _VERSION_AND_VARIANT


_drawn: list[bytes] = []
os.register_at_fork(after_in_child=_drawn.clear)  # or two processes would make the same ids


def _random() -> int:
    while True:
        try:
            return int.from_bytes(_drawn.pop(), "big")
        except IndexError:
            fresh, size = os.urandom(_RANDOM_BYTES * _DRAWN_AT_ONCE), _RANDOM_BYTES
            _drawn.extend(fresh[at : at + size] for at in range(0, len(fresh), size))


@lru_cache(maxsize=16)  # all the ids of a command are of one instant
def _milliseconds(now: datetime) -> int:
    return int(now.timestamp() * 1000) & (1 << 48) - 1
