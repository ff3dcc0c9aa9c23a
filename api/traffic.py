"""What HTTP is asked and how long that takes, by the route's template and never by its path."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from projections.tallies import Tallies

NO_ROUTE = "none"  # no such path: there are as many of those as a caller can think of
_METHODS = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"))
_OTHER_METHOD = "other"


class Traffic:
    """Counts answers, and the seconds until each began.

    Args:
        monotonic: seconds on a clock that never steps back.
    """

    def __init__(self, tallies: Tallies, *, monotonic: Callable[[], float]) -> None:
        self.monotonic = monotonic
        self._answers = tallies.count(
            "http_requests_total",
            "Answers, by the template of the route.",
            ("method", "route", "status"),
        )
        self._seconds = tallies.spread(
            "http_request_seconds",
            "Until an answer began, by the template of the route.",
            ("method", "route"),
        )

    def answers(self, method: str, route: str) -> tuple[int, float]:
        """How many answers a route gave, and the seconds until they began in sum."""
        slots = self._seconds.of.get((method, route))
        return (int(sum(slots[:-1])), slots[-1]) if slots is not None else (0, 0.0)

    def answered(self, method: str, route: str, status: int, *, since: float) -> None:
        """An answer begins, to what was asked at `since`."""
        self._answers.add(method, route, str(status))
        self._seconds.note(self.monotonic() - since, method, route)


class Counted:
    """ASGI middleware around the routes; what answers before them tells the traffic itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        traffic: Traffic = scope["app"].state.parts.traffic
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
