"""What propagation through Kafka counts: how long changes take to arrive, and what could not go."""

from collections.abc import Callable

from projections.tallies import LASTING, Tallies

DEAD_LETTERS = "dead_letters_total"


def invalidations(tallies: Tallies) -> Callable[[float], None]:
    """What hears how long after its commit a change was told to the caches of this process."""
    spread = tallies.spread(
        "invalidation_seconds", "From a commit until caches here let go.", bounds=LASTING
    )
    return spread.note


def dead_letters(tallies: Tallies) -> Callable[[int], None]:
    """What hears of records that a relay could only write down as dead letters."""
    count = tallies.count(DEAD_LETTERS, "Records that could not be published as they should be.")
    return lambda number: count.add(by=number)
