"""An ASGI app on a real socket, in a thread of the test run; it can be stopped and started."""

import socket
import threading
from types import TracebackType
from typing import Any, Self

import uvicorn

from tests.sdk.waiting import until


class Served:
    """Serves an app under `address`."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._port = 0
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        listening = socket.create_server(("127.0.0.1", self._port))
        self._port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._app, log_level="error", lifespan="auto", timeout_graceful_shutdown=1
        )
        server = self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, args=(server, listening), daemon=True)
        self._thread.start()
        until(lambda: server.started or not self._alive(), "the server to start")

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(30)
            assert not self._thread.is_alive()
            self._server = None

    def _alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self, server: uvicorn.Server, listening: socket.socket) -> None:
        with listening:
            server.run(sockets=[listening])
