"""The hash chain over the log: what is hashed, and a walk along it to the first break."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, NamedTuple

GENESIS = sha256(b"entitlements ledger").digest()  # never rename: every chain begins with it
MOST_STREAMS = 250_000  # whose last version a walk remembers: some 40 MB

Kind = Literal[
    "altered",
    "missing",
    "order",
    "version_gap",
    "recorded_at_falls",
    "head_mismatch",
    "tail_cut",
    "rewritten",
]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """The first place at which the log is not what was written.

    `since` is the last position that is known to be right, where nothing tells more exactly.
    """

    kind: Kind
    position: int
    detail: str
    since: int | None = None


def leaf_hash(entry: Entry) -> bytes:
    """The hash of one event alone: RFC 6962's leaf, a zero byte before all there is to it."""
    position, stream, version, event_id, topic, micros, state, _ = entry
    place = f"\0{position}|{stream}|{version}|{event_id}|{topic}|{micros}|"
    return sha256(place.encode() + state).digest()


def chain_hash(previous: bytes, leaf: bytes) -> bytes:
    """The hash that stands with an event: of the one before it and of the event."""
    return sha256(b"\1" + previous + leaf).digest()


class Walk:
    """Goes over the log in order and keeps no more of it than the end it has reached.

    `unsure` are events of the last step whose predecessor in their stream was not seen, or is
    remembered no longer: whether it is in the log must be looked up.
    """

    def __init__(self, *, most_streams: int = MOST_STREAMS) -> None:
        self.position = 0
        self.hash = GENESIS
        self.micros = 0
        self.unsure: list[Entry] = []
        self._most_streams = most_streams
        self._versions: dict[str, int] = {}

    def step(self, entries: Sequence[Entry], *, until: int) -> Break | None:
        """Go on over `entries`, which should be all from the next position to `until`."""
        self.unsure = []
        if len(self._versions) > self._most_streams:
            self._versions.clear()
        for entry in entries:
            found = chain_hash(self.hash, leaf_hash(entry))
            known = self._versions.get(entry[1])
            if (
                entry[0] != self.position + 1
                or found != entry[7]
                or entry[5] < self.micros
                or (known is not None and entry[2] != known + 1)
            ):
                return self._break_at(entry, found=found, known=known)
            if known is None and entry[2] != 1:
                self.unsure.append(entry)
            self.position, self.hash, self.micros = entry[0], found, entry[5]
            self._versions[entry[1]] = entry[2]
        return None if self.position == until else missing(self.position + 1)

    def _break_at(self, entry: Entry, *, found: bytes, known: int | None) -> Break:
        position, expected = entry[0], self.position + 1
        if position > expected:
            return missing(expected, following=position)
        if position < expected:
            return Break(
                kind="order",
                position=position,
                detail=f"Position {position} stands in the log again after {self.position}.",
            )
        if found != entry[7]:
            return altered(entry)
        if entry[5] < self.micros:
            return time_falls(entry)
        return version_gap(entry, after=known or 0)


def altered(entry: Entry) -> Break:
    """An event and the hash before it do not give the event's hash."""
    _, stream, version, event_id, *_ = entry
    return Break(
        kind="altered",
        position=entry[0],
        detail=f"Event {event_id}, version {version} of stream '{stream}', is not what was "
        "recorded: its content does not give its hash.",
    )


def missing(position: int, *, following: int | None = None) -> Break:
    """No event stands at a position before the end."""
    rest = "the log ends before it" if following is None else f"the next event is at {following}"
    return Break(
        kind="missing", position=position, detail=f"Position {position} is missing: {rest}."
    )


def time_falls(entry: Entry) -> Break:
    """An event was recorded before the one that precedes it."""
    return Break(
        kind="recorded_at_falls",
        position=entry[0],
        detail=f"Event {entry[3]} bears an earlier time than the event before it.",
    )


def version_gap(entry: Entry, *, after: int) -> Break:
    """A version of a stream does not follow the one before it."""
    return Break(
        kind="version_gap",
        position=entry[0],
        detail=f"Version {entry[2]} of stream '{entry[1]}' follows "
        + (f"version {after}." if after else "none: an earlier one is missing."),
    )
