"""Reading an export: one broken line never costs another."""

import pytest

from consumers.legacy.lines import Broken, Row, read_line, read_lines

BROKEN = {
    b'{"id": 1': "not JSON: Expecting ',' delimiter at character 9",
    b'{"id": "1\n': "not JSON: Invalid control character at character 10",
    b'{"id": "1': "not JSON: Unterminated string starting at character 8",
    b"[1]": "not a JSON object",
    b"7": "not a JSON object",
    b'{"id": "\xff"}': "not UTF-8: byte 9",
    b"[" * 100_000: "not JSON that can be read",
    b"1" * 5_000: "not JSON that can be read",
}


@pytest.mark.parametrize(("line", "problem"), BROKEN.items(), ids=range(len(BROKEN)))
def test_a_line_that_is_no_object_is_broken(line: bytes, problem: str) -> None:
    read = read_line(line, number=3)
    assert isinstance(read, Broken)
    assert read.line == 3
    assert read.problem.startswith(problem)


def test_the_rest_goes_on_after_a_broken_line() -> None:
    read = list(read_lines([b'{"id": 1}\n', b"{\n", b'{"id": 3}\n']))
    assert [(type(line), line.line) for line in read] == [(Row, 1), (Broken, 2), (Row, 3)]


def test_blank_lines_are_counted_and_skipped() -> None:
    assert [line.line for line in read_lines([b"\n", b'{"id": 1}\n', b"  \n"])] == [2]


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    first, *_ = read_lines([b'\xef\xbb\xbf{"id": 1}\n'])
    assert isinstance(first, Row)
