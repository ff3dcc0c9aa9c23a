"""The samples of one part, and the figures that are made of them."""

from collections.abc import Mapping, Sequence

from infra.bench.figures import Figure, Target
from infra.bench.rounds import Sample


class Taken:
    """Samples by the name of their arm, taken in turns."""

    def __init__(self, part: str, samples: Mapping[str, Sequence[Sample]]) -> None:
        self._part = part
        self._samples = samples

    def rate(self, name: str, *, against: str, unit: str, target: Target | None = None) -> Figure:
        """How much an arm got done in a second, against another."""
        return self._figure(
            name,
            unit=unit,
            rounds=[sample.rate for sample in self._samples[name]],
            reference=against,
            reference_rounds=[sample.rate for sample in self._samples[against]],
            target=target,
        )

    def latency(
        self, name: str, percentile: int, *, against: str, target: Target | None = None
    ) -> Figure:
        """In how many milliseconds so many of a hundred were done, against another."""
        return self._figure(
            f"{name}, p{percentile}",
            unit="ms",
            rounds=[sample.milliseconds(percentile) for sample in self._samples[name]],
            reference=f"{against}, p{percentile}",
            reference_rounds=[sample.milliseconds(percentile) for sample in self._samples[against]],
            target=target,
        )

    def duration(self, name: str, *, against: str, target: Target | None = None) -> Figure:
        """How many microseconds one of many took on average, against another."""
        return self._figure(
            name,
            unit="µs",
            rounds=[1e6 / sample.rate for sample in self._samples[name]],
            reference=against,
            reference_rounds=[1e6 / sample.rate for sample in self._samples[against]],
            target=target,
        )

    def _figure(
        self,
        what: str,
        *,
        unit: str,
        rounds: Sequence[float],
        reference: str,
        reference_rounds: Sequence[float],
        target: Target | None,
    ) -> Figure:
        return Figure(
            part=self._part,
            what=what,
            unit=unit,
            rounds=rounds,
            reference=reference,
            reference_rounds=reference_rounds,
            target=target,
        )
