"""The lean client reads answers however they are cut into packets."""

import asyncio

import pytest

from infra.bench.asking import Answered, connections, request

pytestmark = pytest.mark.anyio
_HEAD = b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: "v1"\r\n\r\n'


async def answered(*packets: bytes) -> Answered:
    """What the client makes of an answer that arrives so."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for packet in packets[:-1]:
            writer.write(packet)
            await asyncio.sleep(0.01)
        writer.write(packets[-1])
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, connections(server.sockets[0].getsockname()[1], 1) as [one]:
        return await one.ask(request("GET", "/"))


async def test_an_answer_in_one_packet() -> None:
    """Its head is in lower case."""
    whole = await answered(_HEAD + b"hello")

    assert (whole.status, whole.body) == (200, b"hello")
    assert b'etag: "v1"' in whole.head


async def test_an_answer_in_pieces() -> None:
    """Cut in the head and in the body."""
    whole = await answered(_HEAD[:20], _HEAD[20:] + b"he", b"llo")

    assert (whole.status, whole.body) == (200, b"hello")


async def test_an_answer_without_a_body() -> None:
    """304 has no length."""
    assert (await answered(b"HTTP/1.1 304 Not Modified\r\n\r\n")).status == 304


async def test_a_server_that_hangs_up_is_an_error() -> None:
    """And never an endless wait."""
    with pytest.raises(ConnectionResetError):
        await answered(_HEAD + b"he")


def test_a_request_with_a_body_says_its_length() -> None:
    """Ours are JSON."""
    asked = request("POST", "/x", "Authorization: Bearer t", body=b"{}")

    assert asked.startswith(b"POST /x HTTP/1.1\r\n")
    assert asked.endswith(b"\r\nContent-Length: 2\r\n\r\n{}")
