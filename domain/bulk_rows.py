"""The rows of a batch: grouped by org, judged as one, and what each of them came to."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

from domain.actors import Provenance
from domain.batches import Parts, Settled, Work
from domain.catalog import Catalog
from domain.commands import Command, Context
from domain.ids import OrgId
from domain.org import Org
from domain.refusals import Contradicted, Refusal

Outcome = Literal["changed", "unchanged", "refused", "known"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row that makes sense by itself. Rows count from 1; `content` is its body, as JSON."""

    number: int
    org: OrgId
    command: str
    asked: Callable[[Catalog], Sequence[Command]]
    by: Provenance
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A row that makes none, and why; its org and its command as far as it has them."""

    number: int
    org: OrgId | None
    command: str | None
    refusal: Refusal


AnyRow = Row | Unusable


@dataclass(frozen=True, slots=True, kw_only=True)
class RowResult:
    """What became of a row; `org_version` is the org's after all of its rows."""

    row: int
    org: OrgId | None
    command: str | None
    outcome: Outcome
    code: str | None = None
    message: str | None = None
    org_version: int | None = None
    positions: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a batch came to, row by row; with a `plan_token` it is what it would come to."""

    batch_id: str
    results: Sequence[RowResult]
    plan_token: str | None


class RowRefused(Refusal):
    """One row cannot be done, so none of its org's is; it tells by its own code why."""

    code = "row_refused"

    def __init__(self, row: int, refusal: Refusal) -> None:
        super().__init__(refusal.message, **refusal.facts)
        self.code, self.hint = refusal.code, refusal.hint
        self.row = row


class OrgRefused(Contradicted):
    """Another row of the same org was refused."""

    code = "org_refused"
    hint = "Mend that row: an organisation's rows are done all together or not at all."

    def __init__(self, org: OrgId, *, row: int) -> None:
        super().__init__(f"Row {row}, of the same organisation {org}, was refused.", row=row)


class Rows(Parts):
    """All rows for one org, each judged on what the ones before it left, on its own word."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = tuple(rows)
        self.came_to = []

    def printed(self) -> Any:
        """Without their numbers: a row may move in the file."""
        return [[row.command, row.content] for row in self.rows]

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        """Judge each; `came_to` has the number of facts and the warnings of each.

        Raises:
            RowRefused: one cannot be done.
        """
        self.came_to = []
        for row in self.rows:
            recorded = len(org.pending_events)
            try:
                warnings = _judged(row, org, context)
            except Refusal as refusal:
                raise RowRefused(row.number, refusal) from refusal
            self.came_to.append([len(org.pending_events) - recorded, warnings])
        return ()


def _judged(row: Row, org: Org, context: Context) -> list[str]:
    asked, by = row.asked(context.catalog), context.by
    if (row.by.reason, row.by.ticket) != (by.reason, by.ticket):
        context = replace(context, by=replace(by, reason=row.by.reason, ticket=row.by.ticket))
    return [warning for command in asked for warning in command.decide(org, context)]


def work_of(rows: Sequence[AnyRow]) -> list[Work]:
    """The work on each org all of whose rows make sense, in the order they first came."""
    usable = [
        [row for row in group if isinstance(row, Row)]
        for group in _by_org(rows).values()
        if not any(isinstance(row, Unusable) for row in group)
    ]
    return [Work(org=group[0].org, command=Rows(group), by=group[0].by) for group in usable]


def results_of(rows: Sequence[AnyRow], settled: Iterable[Settled]) -> list[RowResult]:
    """What became of each row, in the order of the file."""
    by_org = {one.work.org: one for one in settled}
    results = [_refused(row, row.refusal) for row in rows if isinstance(row, Unusable)]
    for org, group in _by_org(rows).items():
        good = [row for row in group if isinstance(row, Row)]
        bad = next((row.number for row in group if isinstance(row, Unusable)), None)
        if bad is not None:
            results += [_refused(row, OrgRefused(org, row=bad)) for row in good]
        elif org in by_org:
            results += _settled(good, by_org[org])
    return sorted(results, key=lambda result: result.row)


def _by_org(rows: Iterable[AnyRow]) -> dict[OrgId, list[AnyRow]]:
    groups: dict[OrgId, list[AnyRow]] = {}
    for row in rows:
        if row.org is not None:
            groups.setdefault(row.org, []).append(row)
    return groups


def _settled(rows: Sequence[Row], settled: Settled) -> list[RowResult]:
    refusal = settled.refusal
    if isinstance(refusal, RowRefused):
        others = OrgRefused(settled.work.org, row=refusal.row)
        return [_refused(r, refusal if r.number == refusal.row else others) for r in rows]
    if refusal is not None:
        return [_refused(row, refusal) for row in rows]
    return _answered(rows, settled)


def _answered(rows: Sequence[Row], settled: Settled) -> list[RowResult]:
    answer = settled.answer
    assert answer is not None
    results, positions = [], iter(answer.positions)
    for row, (facts, warnings) in zip(rows, answer.addendum, strict=True):
        result = RowResult(
            row=row.number,
            org=row.org,
            command=row.command,
            outcome="known" if settled.known else "changed" if facts else "unchanged",
            org_version=answer.org_version,
            positions=tuple(islice(positions, facts)),
            warnings=tuple(warnings),
        )
        results.append(result)
    return results


def _refused(row: AnyRow, refusal: Refusal) -> RowResult:
    return RowResult(
        row=row.number,
        org=row.org,
        command=row.command,
        outcome="refused",
        code=refusal.code,
        message=refusal.message,
    )
