"""One thing that was looked at: what was found, whether it is well, and how to mend it."""

from dataclasses import dataclass
from typing import Literal, Self

Health = Literal["ok", "warn", "problem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the doctor's; `mend` says what to do where `health` is not ok."""

    name: str
    health: Health
    found: str
    mend: str | None = None

    @classmethod
    def ok(cls, name: str, found: str) -> Self:
        """It is well."""
        return cls(name=name, health="ok", found=found)

    @classmethod
    def warn(cls, name: str, found: str, *, mend: str) -> Self:
        """It works, and somebody should know."""
        return cls(name=name, health="warn", found=found, mend=mend)

    @classmethod
    def problem(cls, name: str, found: str, *, mend: str) -> Self:
        """It does not work, or must not go on like this."""
        return cls(name=name, health="problem", found=found, mend=mend)
