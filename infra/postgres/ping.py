"""Asks a server whether it takes connections, in the few bytes that libpq's PQping sends."""

import socket
import struct
from pathlib import Path

from infra.postgres.address import APP_ROLE, DATABASE

_PROTOCOL_3_0 = 196608
_CANNOT_CONNECT_NOW = b"C57P03\0"  # starting up, recovering or shutting down


def answers(path: Path, *, within: float = 1.0) -> bool:
    """Whether the server at socket `path` would go on to ask for a password.

    `within` is in seconds. The question starts one backend, which ends without a line in the log.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(within)
        try:
            client.connect(str(path))
            client.sendall(_hello())
            reply = client.recv(1024)
        except OSError:
            return False
    if reply[:1] == b"E":  # too many connections is an answer, too
        return _CANNOT_CONNECT_NOW not in reply
    return reply[:1] == b"R"


def _hello() -> bytes:
    words = ("user", APP_ROLE, "database", DATABASE, "")
    body = struct.pack("!i", _PROTOCOL_3_0) + b"".join(w.encode() + b"\0" for w in words)
    return struct.pack("!i", len(body) + 4) + body
