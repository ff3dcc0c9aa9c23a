"""Rows and pages of the log as its verification sees them."""

from collections.abc import Sequence
from typing import NamedTuple


class Entry(NamedTuple):
    """One row of the log; `micros` is `recorded_at` in microseconds since 1970."""

    position: int
    stream: str
    version: int
    event_id: str
    topic: str
    micros: int
    state: bytes
    hash: bytes


class Place(NamedTuple):
    """Where an event stands, in the log and in its stream."""

    position: int
    stream: str
    version: int


class Page(NamedTuple):
    """What is left of a page of the log once its hashes, places and times were found right.

    It ends at `until` with `hash` and `micros`; `streams` and `versions` are of each event.
    """

    until: int
    hash: bytes
    micros: int
    streams: Sequence[str]
    versions: Sequence[int]
