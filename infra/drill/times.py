"""How long each process took to obey each change, and whether that is quick enough."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

BOUND_SECONDS = 5.0
LONGEST_SECONDS = 30.0  # whoever has not obeyed by then never did


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One process and one change; `seconds` None: it never obeyed."""

    who: str
    change: str
    round: int
    seconds: float | None


@dataclass(slots=True)
class Times:
    """All that was seen of one way to change the switch."""

    seen: list[Seen] = field(default_factory=list)

    def add(self, seen: Sequence[Seen]) -> None:
        """What came of one change."""
        self.seen += seen

    @property
    def never(self) -> list[Seen]:
        """Who did not obey at all."""
        return [each for each in self.seen if each.seconds is None]

    @property
    def worst(self) -> Seen:
        """The slowest of all."""
        return max(self.seen, key=_seconds)

    @property
    def passed(self) -> bool:
        """Whether 99 of a hundred kept within the bound, and everybody obeyed in the end."""
        return self.percentile(99) <= BOUND_SECONDS and not self.never

    def percentile(self, percent: int) -> float:
        """The seconds that so many of a hundred kept within."""
        taken = [_seconds(each) for each in self.seen]
        if len(taken) == 1:
            return taken[0]
        return quantiles(taken, n=100, method="inclusive")[percent - 1]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        worst = self.worst
        return {
            "observations": len(self.seen),
            "p50_seconds": round(self.percentile(50), 4),
            "p99_seconds": round(self.percentile(99), 4),
            "worst_seconds": round(_seconds(worst), 4),
            "worst": {"who": worst.who, "change": worst.change, "round": worst.round},
            "never": [
                {"who": each.who, "change": each.change, "round": each.round} for each in self.never
            ],
            "passed": self.passed,
        }

    def as_text(self) -> str:
        """For people."""
        worst = self.worst
        return (
            f"p50 {_text(self.percentile(50))}, p99 {_text(self.percentile(99))}, "
            f"worst {_text(_seconds(worst))} ({worst.who}, {worst.change} of round {worst.round})"
        )


def _seconds(seen: Seen) -> float:
    return LONGEST_SECONDS if seen.seconds is None else seen.seconds


def _text(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
