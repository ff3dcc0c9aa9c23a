"""A web server on a real socket, in a thread of the test run."""

import threading
from types import TracebackType
from typing import Any, Self

import httpx
import uvicorn

from infra.server import application, configuration, listening
from infra.settings import Settings
from infra.tokens import sign_token


class LiveServer:
    """Serves while the block runs; `as_role` gives clients with tokens."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._socket = listening("127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(configuration(application(settings)))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )
        self._clients: list[httpx.Client] = []

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            with httpx.Client(base_url=self.address, timeout=30) as client:
                assert client.get("/livez").status_code == 200  # the socket listens, so this waits
        except BaseException:
            self._socket.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for client in self._clients:
            client.close()
        self.end()
        self._thread.join(timeout=30)
        self._socket.close()
        assert not self._thread.is_alive()

    def end(self) -> None:
        """Tell the server to stop; it finishes what it has begun."""
        self._server.should_exit = True

    def client(self, token: str | None = None) -> httpx.Client:
        """A client with a token, or with none."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.Client(base_url=self.address, headers=headers, timeout=30)
        self._clients.append(client)
        return client

    def as_role(self, role: str, **claims: Any) -> httpx.Client:
        """A client of a role."""
        return self.client(sign_token(self.settings, role=role, **claims))
