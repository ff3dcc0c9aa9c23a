"""What speaks for or against enforcing for more orgs: the plan's thresholds over what was watched.

Source: `rollout-plan.md`, Phase 3, and `semantics.md`, "Rollout".
"""

from typing import NamedTuple

MOST_UNEXPECTED = 0.001  # of the decisions watched
MOST_LATENCY = 2.0  # times the baseline
FEWEST_ANSWERS = 100  # of which a mean is taken


class Watched(NamedTuple):
    """Decisions that were gated or watched, and how many denials the legacy flags contradicted.

    Whether such a denial was enforced or only would have been makes no difference. `answers` of
    the check route took `seconds` in sum.
    """

    checks: int = 0
    unexpected: int = 0
    answers: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float | None:
        """The share of unexpected denials; None where nothing was watched."""
        return self.unexpected / self.checks if self.checks else None

    @property
    def latency(self) -> float | None:
        """Mean seconds of an answer; None where there are too few to tell."""
        return self.seconds / self.answers if self.answers >= FEWEST_ANSWERS else None


class Evidence(NamedTuple):
    """What was watched since the present share was set, beside what was before any enforcement."""

    present: Watched = Watched()
    baseline: Watched = Watched()

    @property
    def slower(self) -> float | None:
        """How many times the baseline an answer takes; None where one of both is not known."""
        now, before = self.present.latency, self.baseline.latency
        return now / before if now is not None and before else None

    def against(self) -> list[str]:
        """The thresholds that are exceeded, each as a sentence."""
        problems = []
        rate, slower = self.present.rate, self.slower
        if rate is not None and rate > MOST_UNEXPECTED:
            problems.append(
                f"{rate:.2%} of the decisions are unexpected denials (at most "
                f"{MOST_UNEXPECTED:.1%})"
            )
        if slower is not None and slower > MOST_LATENCY:
            problems.append(
                f"answers take {slower:.1f} × the baseline (at most {MOST_LATENCY:g} ×)"
            )
        return problems
