"""Facts of earlier versions in today's form; the log keeps what was written, and is never touched.

A fact that changes is released as a `v2` and its class replaces that of the `v1`, for whose topic
a pure function is added here. Steps are chained, so each knows its next version only.
"""

from collections.abc import Callable
from typing import Any

from domain.topics import BY_TOPIC

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
"""The JSON body of one version made from that of the version before: a dictionary of its own.

Pure, and never raises.
"""


class Upcasts:
    """The steps from each earlier topic to the next."""

    def __init__(self) -> None:
        self._steps: dict[str, tuple[str, Upcast]] = {}

    def add(self, topic: str, *, to: str, by: Upcast) -> None:
        """From now on a body of `topic` is read as `by` makes it, which is of topic `to`.

        Raises:
            ValueError: `topic` has a step already, or would lead back to itself.
        """
        if topic in self._steps or self.newest(to) == topic:
            raise ValueError(f"'{topic}' cannot lead to '{to}'.")
        self._steps[topic] = (to, by)

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that are read as later ones."""
        return tuple(self._steps)

    def newest(self, topic: str) -> str:
        """The topic as which one is read today; itself where there is no step."""
        while topic in self._steps:
            topic, _ = self._steps[topic]
        return topic

    def body(self, topic: str, body: dict[str, Any]) -> dict[str, Any]:
        """The body in the form of the newest topic."""
        while topic in self._steps:
            topic, upcast = self._steps[topic]
            body = upcast(body)
        return body


UPCASTS = Upcasts()
UPCASTS.add(
    "entitlements.ShareSet.v1",
    to="entitlements.ShareSet.v2",
    by=lambda body: body | {"overrode": []},  # nothing was watched that could have refused it
)


def known_topics() -> list[str]:
    """Every topic that this version reads; any other was written by a newer one."""
    return [*BY_TOPIC, *UPCASTS.topics]
