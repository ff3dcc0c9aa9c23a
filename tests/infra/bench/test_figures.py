"""A figure never stands without its reference, and a missed target says so."""

import pytest

from infra.bench import report
from infra.bench.figures import Figure, Target

MACHINE = {
    "cores": 2,
    "processor": "x86_64",
    "kernel": "Linux 6",
    "python": "CPython 3.11",
    "postgresql": "18.1",
    "fsync": "on",
    "file_system": "ext4",
    "file_system_in_memory": False,
    "load_at_start": "0.1",
    "busy": False,
}


def figure(*rounds: float, against: tuple[float, ...], target: Target | None = None) -> Figure:
    """Appends per second, and what INSERTs did in the same rounds."""
    return Figure(
        part="append",
        what="16 waiting",
        unit="events/s",
        rounds=rounds,
        reference="bare INSERTs",
        reference_rounds=against,
        target=target,
    )


def at_least(bound: float, *, later: bool = False) -> Target:
    """So many times the reference."""
    return Target(of="ratio", sense="at least", bound=bound, later=later)


def test_the_ratio_is_that_of_the_rounds_not_of_the_medians() -> None:
    """A round in which the whole machine was slow changes nothing."""
    slow_once = figure(200, 20, 220, against=(100, 10, 110))

    assert slow_once.value == 200
    assert slow_once.reference_value == 100
    assert slow_once.ratio == 2


def test_rounds_without_their_reference_have_no_ratio() -> None:
    """A figure that was measured once more than its reference is none."""
    with pytest.raises(ValueError, match="zip"):
        _ = figure(1, 2, 3, against=(1, 2)).ratio


@pytest.mark.parametrize(("bound", "met"), [(1.9, True), (2.0, True), (2.1, False)])
def test_a_bound_is_within_itself(bound: float, met: bool) -> None:
    """Twice the reference is at least twice the reference."""
    assert figure(200, against=(100,), target=at_least(bound)).met is met


def test_a_bound_may_be_of_the_figure_itself() -> None:
    """At most 5 ms, however slow the reference is."""
    target = Target(of="value", sense="at most", bound=5.0)

    assert figure(5, against=(1,), target=target).met is True
    assert figure(5.1, against=(100,), target=target).met is False


def test_a_missed_target_is_said_in_a_sentence() -> None:
    """In the table, and below it."""
    short = figure(90, against=(100,), target=at_least(1))

    assert "MISSED" in report.cells(short)
    assert report.missed([short]) == [
        "Missed: append, 16 waiting: ≥ 1 × wanted, 0.9 × bare INSERTs (90 events/s)."
    ]


def test_a_target_of_later_work_is_not_yet_met() -> None:
    """It is shown, and no reproach."""
    early = figure(90, against=(100,), target=at_least(1, later=True))

    assert "not yet" in report.cells(early)
    assert report.missed([early]) == []


def test_the_plain_table_is_aligned() -> None:
    """Every line of it is as long as the others, so that it reads well unrendered, too."""
    figures = [figure(90, against=(100,), target=at_least(1)), figure(12345, against=(3,))]

    lines = report.plain(figures, MACHINE).splitlines()
    rows = [line for line in lines if line.startswith("|")]

    assert len(rows) == 2 + len(figures)
    assert len({len(row) for row in rows}) == 1


def test_data_in_memory_is_told() -> None:
    """Whoever measures on a tmpfs measures no disk."""
    assert not any("memory" in line for line in report.about(MACHINE))
    assert any("memory" in line for line in report.about(MACHINE | {"file_system_in_memory": True}))


def test_a_machine_that_others_use_is_told() -> None:
    """Whoever reads the ratios must know that they are not the ledger's alone."""
    assert not any("Others" in line for line in report.about(MACHINE))
    assert any("Others" in line for line in report.about(MACHINE | {"busy": True}))
