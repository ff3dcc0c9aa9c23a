"""A lean HTTP/1.1 client on kept-alive connections, so that the client is not what is measured."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple, cast

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"


class Answered(NamedTuple):
    """An answer; `head` is everything before the body, in lower case."""

    status: int
    head: bytes
    body: bytes


class Connection(asyncio.Protocol):
    """One question at a time; answers must say their length, as ours do."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._arrived = bytearray()
        self._answered: asyncio.Future[Answered] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        self._arrived += data
        end = self._arrived.find(_END_OF_HEAD)
        if end < 0 or self._answered is None:
            return
        head = bytes(self._arrived[:end]).lower()
        body_at = end + len(_END_OF_HEAD)
        whole = body_at + _length(head)
        if len(self._arrived) >= whole:
            body = bytes(self._arrived[body_at:whole])
            del self._arrived[:whole]
            self._answered.set_result(Answered(int(head[9:12]), head, body))
            self._answered = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or ConnectionResetError("the server hung up"))

    async def ask(self, request: bytes) -> Answered:
        """Send a request and wait for its answer."""
        assert self._transport is not None
        answered: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._answered = answered
        self._transport.write(request)
        return await answered

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


@asynccontextmanager
async def connections(port: int, number: int) -> AsyncIterator[list[Connection]]:
    """So many connections to a server on this machine, which hangs up on those that idle long."""
    loop = asyncio.get_running_loop()
    made: list[Connection] = []
    try:
        for _ in range(number):
            _, connection = await loop.create_connection(Connection, "127.0.0.1", port)
            made.append(connection)
        yield made
    finally:
        for connection in made:
            connection.close()


def request(method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + _END_OF_HEAD + body


def _length(head: bytes) -> int:
    at = head.find(_LENGTH)
    if at < 0:
        return 0
    return int(head[at + len(_LENGTH) :].split(b"\r", 1)[0])
