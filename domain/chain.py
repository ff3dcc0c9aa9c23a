"""The hash chain over the log: what is hashed, and a walk along it to the first break."""

from collections.abc import Sequence
from hashlib import sha256

from domain.breaks import Break, altered, missing, time_falls, version_gap
from domain.entries import Entry, Page, Place

GENESIS = sha256(b"entitlements ledger").digest()  # never rename: every chain begins with it
MOST_STREAMS = 250_000  # whose last version a walk remembers: some 40 MB


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

    `unsure` are the places of the last page whose predecessor in their stream was not seen, or is
    remembered no longer: whether it is in the log must be looked up.
    """

    def __init__(self, *, most_streams: int = MOST_STREAMS) -> None:
        self.position = 0
        self.hash = GENESIS
        self.micros = 0
        self.unsure: list[Place] = []
        self._most_streams = most_streams
        self._versions: dict[str, int] = {}

    def step(self, entries: Sequence[Entry], *, until: int) -> Break | None:
        """Go on over `entries`, which should be all from the next position to `until`."""
        self._turn_page()
        for entry in entries:
            found = chain_hash(self.hash, leaf_hash(entry))
            broken = self._break_at(entry, found=found)
            if broken is not None:
                return broken
            if entry.version != 1 and entry.stream not in self._versions:
                self.unsure.append(Place(entry.position, entry.stream, entry.version))
            self.position, self.hash, self.micros = entry.position, found, entry.micros
            self._versions[entry.stream] = entry.version
        return None if self.position == until else missing(self.position + 1)

    def skip(self, page: Page) -> bool:
        """Go on over a page that was found right elsewhere but for its versions.

        False when they do not follow each other: then nothing was gone over.
        """
        self._turn_page()
        known = self._versions
        versions = zip(page.streams, page.versions, strict=True)
        for position, (stream, version) in enumerate(versions, start=self.position + 1):
            before = known.get(stream)
            if before is not None and version != before + 1:
                self._go_back(page, until=position)
                return False
            if before is None and version != 1:
                self.unsure.append(Place(position, stream, version))
            known[stream] = version
        self.position, self.hash, self.micros = page.until, page.hash, page.micros
        return True

    def _go_back(self, page: Page, *, until: int) -> None:
        """Take back what the events of a page before position `until` said of their streams."""
        unseen = {place.position for place in self.unsure}
        for position in reversed(range(self.position + 1, until)):
            at = position - self.position - 1
            stream, version = page.streams[at], page.versions[at]
            if version == 1 or position in unseen:
                self._versions.pop(stream, None)
            else:
                self._versions[stream] = version - 1
        self.unsure = []

    def _turn_page(self) -> None:
        self.unsure = []
        if len(self._versions) > self._most_streams:
            self._versions.clear()

    def _break_at(self, entry: Entry, *, found: bytes) -> Break | None:
        position, expected = entry.position, self.position + 1
        if position > expected:
            return missing(expected, following=position)
        if position < expected:
            detail = f"Position {position} stands in the log again after {self.position}."
            return Break(kind="order", position=position, detail=detail)
        if found != entry.hash:
            return altered(entry)
        if entry.micros < self.micros:
            return time_falls(entry)
        known = self._versions.get(entry.stream)
        if known is not None and entry.version != known + 1:
            return version_gap(Place(position, entry.stream, entry.version), after=known)
        return None
