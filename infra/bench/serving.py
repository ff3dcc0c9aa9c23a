"""Web servers in processes of their own, which end with the process that started them."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from infra.server import application, configuration, listening
from infra.settings import Settings

LEDGER = "ledger"
HELLO = "hello"
_READY_WITHIN = 60  # seconds
_GONE_WITHIN = 15


@contextmanager
def serving(what: str, settings: Settings, *, log: Path | None = None) -> Iterator[int]:
    """The port of a server that answers; it is stopped at the end.

    The settings go in by standard input, where no list of processes shows them. It closes when
    this process ends, however it ends, and then the server stops, too. It has a session of its
    own, so that Ctrl-C reaches only the benchmark, which stops things in order. What it complains
    of goes to `log` where there is one.
    """
    with ExitStack() as stack:
        child = stack.enter_context(
            subprocess.Popen(
                [sys.executable, "-m", __name__, what],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stack.enter_context(log.open("a")) if log else None,
                text=True,
                start_new_session=True,
            )
        )
        watchdog = threading.Timer(_READY_WITHIN, child.kill)
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            watchdog.start()
            child.stdin.write(settings.model_dump_json() + "\n")
            child.stdin.flush()
            said = child.stdout.readline()
            if not said.strip():
                why = log.read_text()[-2_000:] if log else "see its output above"
                raise RuntimeError(f"the server '{what}' did not start; {why}")
            watchdog.cancel()
            yield int(said)
        finally:
            watchdog.cancel()
            _stop(child)


def _stop(child: "subprocess.Popen[str]") -> None:
    if child.stdin is not None:
        child.stdin.close()
    try:
        child.wait(_GONE_WITHIN)
    except subprocess.TimeoutExpired:
        child.kill()


def hello() -> FastAPI:
    """What FastAPI does at the least: the yardstick of every route."""
    app = FastAPI()

    @app.get("/")
    async def hello() -> dict[str, str]:
        return {"hello": "world"}

    return app


def main(what: str) -> None:
    """Serve until standard input closes."""
    settings = Settings.model_validate_json(sys.stdin.readline())
    # The yardstick is served by uvicorn as it comes, with its connections and not with ours.
    config = configuration(application(settings))
    if what == HELLO:
        config = uvicorn.Config(hello(), access_log=False, log_level="warning", server_header=False)
    with listening("127.0.0.1", 0) as taken:
        server = Announcing(config, port=taken.getsockname()[1])

        def end_with_input() -> None:
            sys.stdin.read()
            server.should_exit = True

        threading.Thread(target=end_with_input, daemon=True).start()
        server.run(sockets=[taken])


class Announcing(uvicorn.Server):
    """A server that says its port once it answers."""

    def __init__(self, config: uvicorn.Config, *, port: int) -> None:
        super().__init__(config)
        self._port = port

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(f"{self._port}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
