"""A page of tallies for processes that serve nothing else: the relay, and who listens to Kafka."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from infra.metrics.exposing import exposed
from projections.tallies import Tallies

_PATIENCE_SECONDS = 5.0
_LONGEST_HEAD = 8_192


class PageUnavailable(Exception):
    """The address cannot be listened on; says what to do."""


@asynccontextmanager
async def page(tallies: Tallies, *, port: int | None) -> AsyncIterator[None]:
    """Answer scrapes on every address of this machine while the block runs; None answers none.

    Raises:
        PageUnavailable: the port is taken.
    """
    if port is None:
        yield
        return
    try:
        server = await asyncio.start_server(
            partial(_answer, tallies), port=port, limit=_LONGEST_HEAD
        )
    except OSError as error:
        raise PageUnavailable(
            f"Port {port} cannot be listened on ({error.strerror}); choose another with "
            "--metrics-port."
        ) from error
    async with server:
        yield


async def _answer(
    tallies: Tallies, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            writer.write(_answered(tallies, head))
            await writer.drain()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return
    finally:
        writer.close()


def _answered(tallies: Tallies, head: str) -> bytes:
    first, *lines = head.split("\r\n")
    if first.split(" ")[:2] != ["GET", "/metrics"]:
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
    body, content_type = exposed(tallies.counted(), accept=headers.get("accept", ""))
    answer = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return answer.encode() + body
