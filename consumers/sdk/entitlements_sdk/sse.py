"""Server-Sent Events, as far as a client needs them (WHATWG HTML, section 9.2.6)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `id` is the last one that the stream has named."""

    name: str
    data: str
    id: str | None


class EventLines:
    """Puts events together from the lines of a stream."""

    def __init__(self) -> None:
        self._id: str | None = None
        self._name = ""
        self._data: list[str] = []

    def feed(self, line: str) -> Event | None:
        """Take in a line without its end; the event, when it was the empty line that ends one."""
        if not line:
            return self._dispatched()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
        elif field == "event":
            self._name = value
        elif field == "id" and "\0" not in value:
            self._id = value or None
        return None

    def _dispatched(self) -> Event | None:
        name, data = self._name or "message", self._data
        self._name, self._data = "", []
        return Event(name, "\n".join(data), self._id) if data else None
