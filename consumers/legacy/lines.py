"""JSON Lines of the legacy export: each line is a row, or broken, and never stops the rest."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Repeating(dict[str, Any]):
    """A JSON object in which a key stands more than once; `pairs` is all that was written."""

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = tuple(pairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One legacy org, as it was written; `line` counts from 1."""

    line: int
    content: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A line that is no JSON object, and why."""

    line: int
    problem: str


def read_lines(lines: Iterable[bytes]) -> Iterator[Row | Broken]:
    """A row or a broken line for each line that is not blank."""
    for number, raw in enumerate(lines, start=1):
        line = raw.removeprefix(_BYTE_ORDER_MARK) if number == 1 else raw
        if line.strip():
            yield read_line(line, number=number)


def read_line(line: bytes, *, number: int) -> Row | Broken:
    """The row that one line holds."""
    try:
        content = _read(line.decode())
    except UnicodeDecodeError as error:
        return Broken(line=number, problem=f"not UTF-8: byte {error.start + 1}")
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at")  # as some messages of the library end
        return Broken(line=number, problem=f"not JSON: {what} at character {error.pos + 1}")
    except (ValueError, RecursionError) as error:
        return Broken(line=number, problem=f"not JSON that can be read: {error}")
    if not isinstance(content, dict):
        return Broken(line=number, problem="not a JSON object")
    return Row(line=number, content=content)


def pairs_of(content: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    """Every key and value as written, keys that stand twice included."""
    return content.pairs if isinstance(content, Repeating) else content.items()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    return content if len(content) == len(pairs) else Repeating(pairs)


_read = json.JSONDecoder(object_pairs_hook=_object).decode
