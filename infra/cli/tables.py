"""Tables as every command prints them."""

from collections.abc import Collection, Iterable, Sequence

from rich import box
from rich.table import Table


def table(*columns: str, rows: Iterable[Sequence[str]], right: Collection[str] = ()) -> Table:
    """A table without a frame; `right` names the columns that hold numbers."""
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        made.add_row(*row)
    return made
