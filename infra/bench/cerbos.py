"""A Cerbos server with the ledger's question as a policy."""

import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_READY_SECONDS = 60.0
_POLICY = """
apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: module
  version: default
  rules:
    - actions: [use]
      effect: EFFECT_ALLOW
      roles: [user]
      condition:
        match:
          expr: R.id in P.attr.modules
"""
_CONFIG = """
server:
  httpListenAddr: "127.0.0.1:{http}"
  grpcListenAddr: "127.0.0.1:{grpc}"
storage:
  driver: disk
  disk:
    directory: "{policies}"
telemetry:
  disabled: true
"""


def question(org: str, module: str, modules: Sequence[str]) -> bytes:
    """The body that asks whether a user of an org with these modules may use one of them."""
    principal = {"id": org, "roles": ["user"], "attr": {"modules": list(modules)}}
    resource = {"actions": ["use"], "resource": {"kind": "module", "id": module}}
    return json.dumps({"principal": principal, "resources": [resource]}).encode()


@contextmanager
def cerbos(binary: Path) -> Iterator[int]:
    """The HTTP port of a server that answers."""
    with tempfile.TemporaryDirectory(prefix="cerbos-") as name:
        policies = Path(name, "policies")
        policies.mkdir()
        Path(policies, "module.yaml").write_text(_POLICY, encoding="utf-8")
        http, grpc = _free_port(), _free_port()
        config = Path(name, "config.yaml")
        config.write_text(_CONFIG.format(http=http, grpc=grpc, policies=policies), "utf-8")
        with subprocess.Popen(
            [str(binary), "server", f"--config={config}", "--log-level=ERROR"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as child:
            try:
                _wait(http, child)
                yield http
            finally:
                child.terminate()


def _wait(port: int, child: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and child.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("Cerbos did not start")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
