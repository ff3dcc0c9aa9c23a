"""What became of each legacy org: where its migration stands, and every difference by name."""

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Self

from domain.ids import OrgId


class State(StrEnum):
    """Where the migration of one org stands; `held` is normal and has named differences.

    pending → imported → proven → finalised, held or rolled_back from each of them.
    """

    PENDING = "pending"
    IMPORTED = "imported"
    HELD = "held"
    PROVEN = "proven"
    FINALISED = "finalised"
    ROLLED_BACK = "rolled_back"


class Verdict(StrEnum):
    """What an import made of one line."""

    IMPORTED = "imported"
    UNCHANGED = "unchanged"  # imported before, and the row is the same as then
    DIFFERING = "differing"  # imported before, and the row was edited since: never applied
    HELD = "held"  # nothing of it was written
    BROKEN = "broken"  # no row at all


_STATES = {
    Verdict.IMPORTED: State.IMPORTED,
    Verdict.UNCHANGED: State.IMPORTED,
    Verdict.DIFFERING: State.HELD,
    Verdict.HELD: State.HELD,
    Verdict.BROKEN: State.PENDING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing about a legacy org that the ledger cannot take over, with a stable `code`."""

    code: str
    field: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What an import made of one line, counted from 1.

    `unset` is how many of its flags were null or empty and were read as never set.
    """

    line: int
    verdict: Verdict
    org: OrgId | None = None
    name: str | None = None
    differences: tuple[Difference, ...] = ()
    unset: int = 0

    @property
    def state(self) -> State:
        """Where the org's migration stands after this."""
        return _STATES[self.verdict]

    @classmethod
    def broken(cls, line: int, *, problem: str) -> Self:
        """The result of a line that is no row."""
        difference = Difference(code="broken_line", field="", message=problem)
        return cls(line=line, verdict=Verdict.BROKEN, differences=(difference,))

    def as_settled(self, verdict: Verdict) -> Self:
        """This line with nothing to say against it."""
        return type(self)(
            line=self.line, verdict=verdict, org=self.org, name=self.name, unset=self.unset
        )

    def as_held(self, code: str, message: str) -> Self:
        """This line held by one difference more."""
        difference = Difference(code=code, field="", message=message)
        return replace(self, verdict=Verdict.HELD, differences=(difference, *self.differences))

    def as_edited(self) -> Self:
        """This line of an org that was imported before, from another row."""
        message = "The row was edited after it was imported; the edit is not applied."
        held = self.as_held("edited_after_import", message)
        return replace(held, verdict=Verdict.DIFFERING)

    @property
    def settled(self) -> bool:
        """Whether nobody needs to look at it."""
        return self.verdict in (Verdict.IMPORTED, Verdict.UNCHANGED)


@dataclass(slots=True)
class Tally:
    """An import added up; the lines that somebody needs to look at are kept."""

    counts: Counter[Verdict] = field(default_factory=Counter)
    unset: int = 0
    open: list[RowResult] = field(default_factory=list)

    def add(self, result: RowResult) -> None:
        """Count one line. Empty values count only where the rest of the row was taken over."""
        self.counts[result.verdict] += 1
        if result.settled:
            self.unset += result.unset
        else:
            self.open.append(result)

    @property
    def by_code(self) -> Counter[str]:
        """How many of the kept lines have a difference of each code, broken lines not counted."""
        rows = [result for result in self.open if result.verdict is not Verdict.BROKEN]
        return Counter(code for result in rows for code in {d.code for d in result.differences})

    def of(self, verdict: Verdict) -> list[RowResult]:
        """The kept lines of one verdict, in the order of the file."""
        return [result for result in self.open if result.verdict is verdict]
