"""What one process counts, as plain numbers: cheap to add to, and read when somebody asks.

A name is exported once somebody holds its tally, so nothing is told of what is not counted here.
Labels take their values from small closed sets; never an org's, a user's or a raw path.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

QUICK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
LASTING = (0.005, 0.015, 0.03, 0.06, 0.125, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0)

Values = tuple[str, ...]


class Count:
    """A number that only rises, one for each combination of its labels' values.

    One thread adds to it. A count without labels is told from the start, at 0.
    """

    __slots__ = ("labels", "name", "of", "says")

    def __init__(self, name: str, says: str, labels: Values = ()) -> None:
        self.name = name
        self.says = says
        self.labels = labels
        self.of: dict[Values, float] = {} if labels else {(): 0}

    def add(self, *values: str, by: float = 1) -> None:
        """One more, or `by`."""
        self.of[values] = self.of.get(values, 0) + by


class Spread:
    """How durations are spread: how many took at most each of `bounds`, in seconds, and their sum.

    One thread adds to it.
    """

    __slots__ = ("bounds", "labels", "name", "of", "says")

    def __init__(
        self, name: str, says: str, labels: Values = (), *, bounds: Sequence[float] = QUICK
    ) -> None:
        self.name = name
        self.says = says
        self.labels = labels
        self.bounds = tuple(bounds)
        self.of: dict[Values, list[float]] = {} if labels else {(): self._nothing()}

    def note(self, seconds: float, *values: str) -> None:
        """One that took so long."""
        slots = self.of.get(values)
        if slots is None:
            slots = self.of[values] = self._nothing()
        slots[bisect_left(self.bounds, seconds)] += 1
        slots[-1] += seconds

    def _nothing(self) -> list[float]:
        """A slot for each bound, one for what took longer, and the sum."""
        return [0.0] * (len(self.bounds) + 2)


class Tallies:
    """The tallies of one process, each made when it is first asked for by name."""

    def __init__(self) -> None:
        self._all: dict[str, Count | Spread] = {}
        self._read: list[Callable[[], Count | Spread]] = []

    def count(self, name: str, says: str, labels: Values = ()) -> Count:
        """A count of this name, which ends in `_total`."""
        found = self._all.setdefault(name, Count(name, says, labels))
        assert isinstance(found, Count), f"{name} is a spread"
        return found

    def spread(
        self, name: str, says: str, labels: Values = (), *, bounds: Sequence[float] = QUICK
    ) -> Spread:
        """A spread of this name, which ends in `_seconds`."""
        found = self._all.setdefault(name, Spread(name, says, labels, bounds=bounds))
        assert isinstance(found, Spread), f"{name} is a count"
        return found

    def read(
        self,
        name: str,
        says: str,
        numbers: Callable[[], dict[Values, float]],
        *,
        labels: Values = (),
    ) -> None:
        """Tell what is counted elsewhere, as it stands whenever somebody asks."""

        def count() -> Count:
            found = Count(name, says, labels)
            found.of = numbers()
            return found

        self._read.append(count)

    def read_spread(
        self, name: str, says: str, slots: Callable[[], dict[Values, list[float]]], labels: Values
    ) -> None:
        """The same for durations; slots are as `Spread` has them for `QUICK`."""

        def spread() -> Spread:
            found = Spread(name, says, labels)
            found.of = slots()
            return found

        self._read.append(spread)

    def counted(self) -> list[Count | Spread]:
        """Every tally that somebody holds, as it stands now."""
        return [*self._all.values(), *(read() for read in self._read)]


def written(tallies: Sequence[Count | Spread]) -> list[dict[str, Any]]:
    """Tallies as JSON has them, for another process to add to its own."""
    return [
        {
            "name": tally.name,
            "says": tally.says,
            "labels": tally.labels,
            "bounds": tally.bounds if isinstance(tally, Spread) else None,
            "of": [[values, number] for values, number in tuple(tally.of.items())],
        }
        for tally in tallies
    ]


def added(of_each: Sequence[Sequence[dict[str, Any]]]) -> list[Count | Spread]:
    """The sums of what several processes have written."""
    sums = Tallies()
    for rows in of_each:
        for row in rows:
            name, says, labels = row["name"], row["says"], tuple(row["labels"])
            if row["bounds"] is None:
                count = sums.count(name, says, labels)
                for values, number in row["of"]:
                    count.add(*values, by=number)
            else:
                _merge(sums.spread(name, says, labels, bounds=row["bounds"]), row["of"])
    return sums.counted()


def _merge(spread: Spread, rows: Sequence[tuple[Sequence[str], Sequence[float]]]) -> None:
    for values, slots in rows:
        held = spread.of.get(tuple(values), [0.0] * len(slots))
        spread.of[tuple(values)] = [a + b for a, b in zip(held, slots, strict=True)]
