"""Tallies for what is put together before any page is made."""

from collections.abc import Callable
from datetime import datetime

from domain.rollout import Rollout
from projections.tallies import LASTING, Tallies


def appends(tallies: Tallies) -> Callable[[float], None]:
    """What hears how long an append took."""
    return tallies.spread("append_seconds", "Until an append was answered.").note


def propagation(tallies: Tallies, *, now: Callable[[], datetime]) -> Callable[[Rollout], None]:
    """What hears of a rollout that holds here from now on, and notes how late that is."""
    spread = tallies.spread(
        "rollout_propagation_seconds",
        "From a change of the rollout until a process decides by it.",
        bounds=LASTING,
    )
    return lambda rollout: spread.note(max(0.0, (now() - rollout.modified_on).total_seconds()))
