"""How decisions turned out, counted as they are made: a place in a list each, and no more."""

from collections.abc import Sequence

from domain.decision import DISABLED_BY, Verdict
from projections.tallies import Tallies, Values

ALLOWED = 0
_PERMISSION = len(DISABLED_BY) + 1  # after a place for each reason of the entitlements'


def kind_of(verdict: Verdict) -> int:
    """The place at which a verdict is counted."""
    if verdict.code == "entitlement_denied":
        return DISABLED_BY.index(str(verdict.denied_by)) + 1
    return ALLOWED if verdict.allowed else _PERMISSION


class Decided:
    """The decisions of one process about the present, `kinds` by `kind_of`.

    What lists every key, as a bulk of flags does, is not counted: nobody wants to use them all.
    """

    def __init__(self, tallies: Tallies) -> None:
        self.kinds = [0] * (_PERMISSION + 1)
        self.stale = 0
        tallies.read("entitlement_checks_total", "Decisions made.", lambda: {(): sum(self.kinds)})
        tallies.read(
            "entitlement_denied_total",
            "Decisions that the entitlements denied.",
            self._denied,
            labels=("reason",),
        )
        tallies.read(
            "permission_denied_total",
            "Decisions that the permission or the organisation denied.",
            lambda: {(): self.kinds[_PERMISSION]},
        )
        tallies.read(
            "stale_served_total", "Decisions from last known good.", lambda: {(): self.stale}
        )

    def add(self, kinds: Sequence[int], *, stale: bool) -> None:
        """These decisions were made, about one org."""
        counts = self.kinds
        for kind in kinds:
            counts[kind] += 1
        if stale:
            self.stale += len(kinds)

    def _denied(self) -> dict[Values, float]:
        return {(reason,): self.kinds[place] for place, reason in enumerate(DISABLED_BY, start=1)}
