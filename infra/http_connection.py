"""One connection of a caller: what uvicorn makes of it, the quick lane, and an end in time.

uvicorn makes a cycle and a task of every request. A plain question needs neither: it is answered
where its last byte was read. Everything else, and everything in doubt, goes on to uvicorn as if
nothing had been asked before.
"""

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from api.ofrep.events import PATH as FLAG_EVENTS
from api.quick import LARGEST, QUICK_LANE, QuickLane
from api.routes.watch import PATH as WATCH

_ENDLESS = (WATCH, FLAG_EVENTS)
# With one of these, where a request ends and what is said before its answer is uvicorn's.
_NOT_PLAIN = frozenset((b"expect", b"transfer-encoding", b"upgrade"))


class LedgerConnection(HttpToolsProtocol):
    """A connection that answers plain questions at once, and does not hold up the end."""

    _asked: bytes | None = None  # the method of the plain request that is being read
    _body: bytes = b""

    def on_headers_complete(self) -> None:
        """See `HttpToolsProtocol`; a plain request waits for its end."""
        # One that came along with the request before it found the connection's time running.
        self._unset_keepalive_if_required()
        method = self.parser.get_method()
        if self._is_plain(method):
            self._asked, self._body = method, b""
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """See `HttpToolsProtocol`."""
        if self._asked is not None:
            self._body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """See `HttpToolsProtocol`; here a plain request is answered."""
        if self._asked is not None:
            lane: QuickLane = self.app_state[QUICK_LANE]
            answer = lane.answer(self._asked, self.url, self.headers, self._body)
            if answer is not None:
                self._asked, self._body = None, b""
                self._send(*answer)
                return
            self._go_on()
        super().on_message_complete()

    def shutdown(self) -> None:
        """See `HttpToolsProtocol`, which waits for the answer that is being sent.

        What would go on for ever is cut off; what is still being read is answered before the end.
        """
        if self._asked is not None:
            self._go_on()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.scope["path"] in _ENDLESS:
            self.transport.abort()
        super().shutdown()

    def _is_plain(self, method: bytes) -> bool:
        """Whether the quick lane may know the answer, and nothing else is going on here."""
        before: RequestResponseCycle | None = self.cycle
        return (
            QuickLane.may_know(method, self.url)
            and (before is None or before.response_complete)
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.root_path
            and self.limit_concurrency is None  # or it is for uvicorn to turn somebody away
            and QUICK_LANE in self.app_state
            and not self.flow.write_paused
            and self._is_small()
        )

    def _is_small(self) -> bool:
        announced = b"0"
        for name, value in self.headers:
            if name == b"content-length":
                announced = value
            elif name in _NOT_PLAIN:
                return False
        return announced.isdigit() and int(announced) <= LARGEST

    def _send(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        sent = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *headers):
            sent += (name, b": ", value, b"\r\n")
        sent += (b"\r\n", body)
        self.transport.write(b"".join(sent))
        self.on_response_complete()

    def _go_on(self) -> None:
        """Begin what uvicorn would have begun when the headers were there."""
        body, self._asked, self._body = self._body, None, b""
        super().on_headers_complete()
        if body:
            super().on_body(body)
