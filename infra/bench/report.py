"""Shows the figures: a table for a terminal, aligned text for a README, JSON for programs."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from infra.bench.figures import Figure

COLUMNS = ("part", "what", "measured", "reference", "reference's", "ratio", "target", "")
_RIGHT = (2, 4, 5)  # columns of numbers
_STYLES = {True: "green", False: "bold red", None: ""}


def cells(figure: Figure) -> tuple[str, ...]:
    """A figure as a line of the table."""
    return (
        figure.part,
        figure.what,
        f"{_number(figure.value)} {figure.unit}",
        figure.reference,
        _number(figure.reference_value),
        f"{_number(figure.ratio)} ×",
        _target(figure),
        _verdict(figure),
    )


def table(figures: Sequence[Figure]) -> Table:
    """For a terminal."""
    shown = Table(box=None, padding=(0, 1), header_style="bold")
    for place, column in enumerate(COLUMNS):
        shown.add_column(column, justify="right" if place in _RIGHT else "left")
    for before, figure in zip([None, *figures], figures, strict=False):
        if before is not None and before.part != figure.part:
            shown.add_section()
        *shown_cells, verdict = cells(figure)
        style = _STYLES[figure.met]
        shown.add_row(*shown_cells, f"[{style}]{verdict}[/]" if style else verdict)
    return shown


def plain(figures: Sequence[Figure], machine: Mapping[str, Any]) -> str:
    """For a README: a Markdown table that is aligned as it stands, below its machine."""
    lines = [COLUMNS, *(cells(figure) for figure in figures)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(COLUMNS))]
    rule = [
        "-" * (width - 1) + ":" if place in _RIGHT else "-" * width
        for place, width in enumerate(widths)
    ]
    rows = [_aligned(line, widths) for line in lines]
    return "\n".join([*about(machine), "", rows[0], _row(rule), *rows[1:]])


def about(machine: Mapping[str, Any]) -> list[str]:
    """The machine in a few lines."""
    lines = [
        "{cores} cores ({processor}), {kernel}, {python}, PostgreSQL {postgresql}",
        "fsync {fsync}; data on {file_system}; load average before the start {load_at_start}",
    ]
    lines = [line.format(**machine) for line in lines]
    if machine["busy"]:
        lines.append(
            "Others were at work here: they hold up one connection that does much more than sixteen"
            " that do little, so the ratios of appends to bare INSERTs come out too low."
        )
    if machine["file_system_in_memory"]:
        lines.append("The data lies in memory: nothing here was written to a disk.")
    return lines


def missed(figures: Sequence[Figure]) -> list[str]:
    """A sentence for every target that was missed."""
    return [
        f"Missed: {figure.part}, {figure.what}: {_target(figure)} wanted, "
        f"{_number(figure.ratio)} × {figure.reference} ({_number(figure.value)} {figure.unit})."
        for figure in figures
        if figure.met is False and figure.target is not None and not figure.target.later
    ]


def as_json(
    figures: Sequence[Figure], machine: Mapping[str, Any], *, quick: bool
) -> dict[str, Any]:
    """Everything, with the figures of every round."""
    return {
        "machine": dict(machine),
        "quick": quick,
        "figures": [figure.as_json() for figure in figures],
    }


def _number(number: float) -> str:
    """Three digits, or all that stand before the point."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _target(figure: Figure) -> str:
    target = figure.target
    if target is None:
        return ""
    sign = "≥" if target.sense == "at least" else "≤"
    unit = "×" if target.of == "ratio" else figure.unit
    return f"{sign} {target.bound:g} {unit}"


def _verdict(figure: Figure) -> str:
    if figure.met is None or figure.target is None:
        return ""
    if figure.met:
        return "met"
    return "not yet" if figure.target.later else "MISSED"


def _aligned(line: Sequence[str], widths: Sequence[int]) -> str:
    return _row(
        [
            cell.rjust(width) if place in _RIGHT else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
    )


def _row(padded: Sequence[str]) -> str:
    return f"| {' | '.join(padded)} |"
