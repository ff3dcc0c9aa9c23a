"""A figure: what was measured round by round, the reference of the same rounds, the target."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A bound of a figure (`of` value), or of its ratio to the reference.

    `later` marks a bound that work yet to come is held to.
    """

    of: Literal["value", "ratio"]
    bound: float
    sense: Literal["at least", "at most"]
    later: bool = False

    def met_by(self, figure: float) -> bool:
        """Whether `figure` keeps within the bound, which is within itself."""
        return figure >= self.bound if self.sense == "at least" else figure <= self.bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the result.

    `rounds` and `reference_rounds` were taken in turns, a pair in each round, in `unit`. Value and
    reference are their medians; the ratio is the median of the ratios of the pairs, so that a
    machine that was slow for one round does not count.
    """

    part: str
    what: str
    unit: str
    rounds: Sequence[float]
    reference: str
    reference_rounds: Sequence[float]
    target: Target | None = None

    @property
    def value(self) -> float:
        return median(self.rounds)

    @property
    def reference_value(self) -> float:
        return median(self.reference_rounds)

    @property
    def ratio(self) -> float:
        """How often the reference goes into the figure: below 1 is good for times."""
        pairs = zip(self.rounds, self.reference_rounds, strict=True)
        return median(figure / reference for figure, reference in pairs)

    @property
    def met(self) -> bool | None:
        """Whether the target is met, None where there is none."""
        if self.target is None:
            return None
        return self.target.met_by(self.ratio if self.target.of == "ratio" else self.value)

    def as_json(self) -> dict[str, Any]:
        """Everything there is to know about it."""
        target = self.target
        return {
            "part": self.part,
            "what": self.what,
            "unit": self.unit,
            "value": self.value,
            "rounds": list(self.rounds),
            "reference": {
                "what": self.reference,
                "value": self.reference_value,
                "rounds": list(self.reference_rounds),
            },
            "ratio": self.ratio,
            "target": None
            if target is None
            else {
                "of": target.of,
                "sense": target.sense,
                "bound": target.bound,
                "later": target.later,
                "met": self.met,
            },
        }
