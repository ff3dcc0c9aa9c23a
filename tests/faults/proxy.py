"""A proxy of our own before PostgreSQL: it can lose one reply, swallow notifications, or stall."""

import asyncio
import shutil
import tempfile
import threading
from asyncio import StreamReader, StreamWriter
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

_APPEND = b"ledger.ledger_append("


class _Link:
    """One client's connection: the statements it prepared for appends, and whether one's reply
    is being lost.
    """

    def __init__(self) -> None:
        self.appends: set[bytes] = set()
        self.losing = False


class Proxy:
    """Listens on a Unix socket of its own and forwards message by message, in its own thread.

    `url` leads to the same database through it. `lost` counts the replies that were lost so far;
    while `deaf` no notification arrives.
    """

    def __init__(self, url: str) -> None:
        server = conninfo_to_dict(url)
        self._server = str(Path(str(server["host"]), f".s.PGSQL.{server['port']}"))
        self._directory = Path(tempfile.mkdtemp(prefix="proxy-"))
        self._socket = self._directory / Path(self._server).name
        self.url = make_conninfo(url, host=str(self._directory))
        self.lost = 0
        self.deaf = False
        self._to_lose = 0
        self._is_cut = False
        self._links: set[asyncio.Task[None]] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self._loop = asyncio.new_event_loop()
        self._listens = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listens.wait(timeout=10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        assert not self._thread.is_alive()
        shutil.rmtree(self._directory)

    def lose_replies(self, count: int) -> None:
        """The next `count` appends are carried out; instead of the reply the connection ends."""
        self._to_lose = count

    def cut(self) -> None:
        """Every connection ends at once, and new ones with them."""
        self._is_cut = True
        asyncio.run_coroutine_threadsafe(self._close_links(), self._loop).result(timeout=10)

    def mend(self) -> None:
        """New connections pass again."""
        self._is_cut = False

    def stall(self) -> None:
        """Nothing passes either way, and nobody is told."""
        self._loop.call_soon_threadsafe(self._passing.clear)

    def go_on(self) -> None:
        """What was held back passes, and what follows."""
        self._loop.call_soon_threadsafe(self._passing.set)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        serving = asyncio.start_unix_server(self._accept, path=self._socket)
        server = self._loop.run_until_complete(serving)
        self._loop.call_soon(self._listens.set)
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._close_links())
        self._loop.run_until_complete(asyncio.sleep(0))  # transports close one step later
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _close_links(self) -> None:
        links = list(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    def _accept(self, client: StreamReader, to_client: StreamWriter) -> None:
        link = self._loop.create_task(self._forward(client, to_client))
        self._links.add(link)
        link.add_done_callback(self._links.discard)
        link.add_done_callback(lambda _: to_client.transport.abort())  # also if it never began

    async def _forward(self, client: StreamReader, to_client: StreamWriter) -> None:
        writers = [to_client]
        ways: list[asyncio.Task[None]] = []
        try:
            if self._is_cut:
                return
            server, to_server = await asyncio.open_unix_connection(self._server)
            writers.append(to_server)
            link = _Link()
            ways = [
                self._loop.create_task(self._up(link, client, to_server)),
                self._loop.create_task(self._down(link, server, to_client)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        except OSError:
            return  # no server at the moment: the client finds out from the closed connection
        finally:
            for way in ways:
                way.cancel()
            for writer in writers:
                writer.transport.abort()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _up(self, link: _Link, client: StreamReader, server: StreamWriter) -> None:
        kind = b""  # only the first message, which opens the session, has none
        while True:
            body = await _body(client)
            if kind == b"P":
                name, query, _ = body[4:].split(b"\0", 2)
                if _APPEND in query:
                    link.appends.add(name)
            elif kind == b"B":
                _, name, _ = body[4:].split(b"\0", 2)
                if name in link.appends and self._to_lose:
                    self._to_lose -= 1
                    link.losing = True
            await self._pass(kind + body, server)
            kind = await client.readexactly(1)

    async def _down(self, link: _Link, server: StreamReader, client: StreamWriter) -> None:
        while True:
            kind = await server.readexactly(1)
            body = await _body(server)
            if link.losing and kind == b"Z":  # ready for the next query: this one is done
                self.lost += 1
                return
            if not link.losing and not (self.deaf and kind == b"A"):
                await self._pass(kind + body, client)

    async def _pass(self, message: bytes, writer: StreamWriter) -> None:
        await self._passing.wait()
        writer.write(message)
        await writer.drain()


async def _body(stream: StreamReader) -> bytes:
    """A message without its kind: four bytes of length, which count themselves, and the rest."""
    length = await stream.readexactly(4)
    return length + await stream.readexactly(int.from_bytes(length) - 4)
