"""What HTTP is asked and how long that takes, by the route's template and never by its path."""

from bisect import bisect_left
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from projections.tallies import QUICK, Tallies, Values

NO_ROUTE = "none"  # no such path: there are as many of those as a caller can think of
_METHODS = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"))
_OTHER_METHOD = "other"
_SLOTS = len(QUICK) + 2  # one for each bound, one for what took longer, and the sum


class Traffic:
    """Counts answers, and the seconds until each began.

    Args:
        monotonic: seconds on a clock that never steps back.
    """

    def __init__(self, tallies: Tallies, *, monotonic: Callable[[], float]) -> None:
        self.monotonic = monotonic
        self._slots: dict[tuple[str, str, int], list[float]] = {}
        tallies.read(
            "http_requests_total",
            "Answers, by the template of the route.",
            self._answers,
            labels=("method", "route", "status"),
        )
        tallies.read_spread(
            "http_request_seconds",
            "Until an answer began, by the template of the route.",
            self._seconds,
            labels=("method", "route"),
        )

    def answers(self, method: str, route: str) -> tuple[int, float]:
        """How many answers a route gave, and the seconds until they began in sum."""
        slots = self._seconds().get((method, route), [0.0])
        return int(sum(slots[:-1])), slots[-1]

    def answered(self, method: str, route: str, status: int, *, since: float) -> None:
        """An answer begins, to what was asked at `since`."""
        seconds = self.monotonic() - since
        slots = self._slots.get((method, route, status))
        if slots is None:
            slots = self._slots[method, route, status] = [0.0] * _SLOTS
        slots[bisect_left(QUICK, seconds)] += 1
        slots[-1] += seconds

    def _answers(self) -> dict[Values, float]:
        return {(m, r, str(s)): sum(slots[:-1]) for (m, r, s), slots in self._slots.items()}

    def _seconds(self) -> dict[Values, list[float]]:
        found: dict[Values, list[float]] = {}
        for (method, route, _), slots in self._slots.items():
            held = found.get((method, route), [0.0] * _SLOTS)
            found[method, route] = [a + b for a, b in zip(held, slots, strict=True)]
        return found


class Counted:
    """ASGI middleware around the routes; what answers before them tells the traffic itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts = getattr(scope["app"].state, "parts", None) if scope["type"] == "http" else None
        if parts is None:  # a lifespan, or what is asked of an app that was not started
            await self._app(scope, receive, send)
            return
        traffic: Traffic = parts.traffic
        since, begun = traffic.monotonic(), False

        async def told(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start" and not begun:
                begun = True
                traffic.answered(*_asked(scope), message["status"], since=since)
            await send(message)

        try:
            await self._app(scope, receive, told)
        except Exception:
            if not begun:
                traffic.answered(*_asked(scope), 500, since=since)
            raise


def _asked(scope: Scope) -> tuple[str, str]:
    """The method and the template; `route` is there once one was found."""
    method = scope["method"]
    route = getattr(scope.get("route"), "path", NO_ROUTE)
    return method if method in _METHODS else _OTHER_METHOD, route
