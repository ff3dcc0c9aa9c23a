"""How often a fault is repeated: a few times in CI, as often as was promised in the long lane."""

from typing import Protocol

import pytest


class Rounds(Protocol):
    """How often to repeat one fault."""

    def __call__(self, usual: int, *, at_hundred: int = 100) -> int:
        """`usual` times in CI; `at_hundred` times with `--soak 100`, and in proportion."""


def chosen(config: pytest.Config) -> Rounds:
    """The number of rounds that the command line asks for."""
    percent: int | None = config.getoption("--soak", default=None)

    def rounds(usual: int, *, at_hundred: int = 100) -> int:
        return usual if percent is None else max(1, at_hundred * percent // 100)

    return rounds
