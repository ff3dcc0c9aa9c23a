"""What a verification of the log came to."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.breaks import Break
from domain.ids import OrgId


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedLine:
    """A line of the checkpoints that proves nothing; line 0 stands for the file itself."""

    line: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a verification went over and found.

    `position` is where the log ended when it began; `checkpoints` how many of those kept outside
    the database the log extends, the last of them at `checkpointed`.
    """

    org: OrgId | None
    events: int
    position: int
    checkpoints: int = 0
    checkpointed: int | None = None
    broken: Break | None = None
    damaged: Sequence[DamagedLine] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return self.broken is None and not self.damaged
