"""From the bytes of a file to its rows as they stand in it: JSON Lines or CSV, whole or refused."""

import csv
import io
import json
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any, Literal, get_args

from domain.batches import MOST_ROWS
from domain.refusals import Unacceptable

Format = Literal["jsonl", "csv"]
FORMATS: tuple[Format, ...] = get_args(Format)
Fields = dict[str, Any]


class MalformedRows(Unacceptable):
    """It is no file of rows; nothing of it was done."""

    code = "malformed_rows"
    hint = (
        "Send one JSON object a line, or CSV in UTF-8 with a header and commas, each row with "
        "'org', 'command' and the fields of that command."
    )


class UnknownColumn(MalformedRows):
    """The header names something that no command has."""

    code = "unknown_column"

    def __init__(self, column: str, *, known: Collection[str]) -> None:
        column = column[:80]
        super().__init__(
            f"No command has a field '{column}'; there are {', '.join(known)}.", column=column
        )


class TooManyRows(Unacceptable):
    """More rows than one batch may have; nothing was done."""

    code = "too_many_rows"
    hint = "Cut the file, and send each part under a batch id of its own."

    def __init__(self) -> None:
        super().__init__(f"A batch has {MOST_ROWS} rows at most; nothing was done.", most=MOST_ROWS)


def read_fields(content: bytes, *, form: Format, known: Collection[str]) -> list[Fields]:
    """The fields of each row, in order; `known` are the columns that CSV may have.

    Blank lines are no rows, and the header of CSV is none. An empty cell is an absent field.

    Raises:
        MalformedRows, UnknownColumn, TooManyRows: it cannot be taken as a whole.
    """
    text = _text(content)
    rows = _csv_rows(text, known=known) if form == "csv" else _json_rows(text)
    found = list(islice(rows, MOST_ROWS + 1))
    if len(found) > MOST_ROWS:
        raise TooManyRows
    if not found:
        raise MalformedRows("There is no row.")
    return found


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")  # spreadsheets begin a file with a byte order mark
    except UnicodeDecodeError as error:
        raise MalformedRows(f"It is not UTF-8 (byte {error.start + 1}).") from error


def _json_rows(text: str) -> Iterator[Fields]:
    lines = (line for line in text.split("\n") if line.strip())
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line, object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            raise MalformedRows(f"Row {number} is not JSON: {error}.", row=number) from error
        if not isinstance(row, dict):
            raise MalformedRows(f"Row {number} is not a JSON object.", row=number)
        if "\\u" in line and not _encodable(row):
            raise MalformedRows(f"Row {number} has half of a surrogate pair.", row=number)
        yield row


def _encodable(row: Fields) -> bool:
    """Whether UTF-8 can carry it, as it must in the answer."""
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _object(pairs: Sequence[tuple[str, Any]]) -> Fields:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field stands in it twice")
    return fields


def _csv_rows(text: str, *, known: Collection[str]) -> Iterator[Fields]:
    lines = _csv_lines(text)
    header = [name.strip() for name in next(lines, [])]
    for place, name in enumerate(header):
        if name not in known:
            raise UnknownColumn(name, known=known)
        if name in header[:place]:
            raise MalformedRows(f"The column '{name}' stands in the header twice.")
    for number, cells in enumerate(lines, start=1):
        if len(cells) != len(header):  # a file that was cut off must not lose an end date
            raise MalformedRows(
                f"Row {number} has {len(cells)} cells, the header has {len(header)}.", row=number
            )
        yield {name: cell for name, cell in zip(header, cells, strict=True) if cell != ""}


def _csv_lines(text: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        yield from (cells for cells in reader if cells)
    except csv.Error as error:
        raise MalformedRows(f"Line {reader.line_num} is not CSV: {error}.") from error
