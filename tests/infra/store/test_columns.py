"""Columns as they go over the wire: what the server reads is what was written."""

from typing import Any
from uuid import UUID

import pytest

from infra.store.columns import Column, bigints, blobs, ints, texts, uuids
from tests.infra.store.world import Connection

pytestmark = pytest.mark.one_server

LONG = 2**63 - 1


@pytest.mark.parametrize(
    ("kind", "column", "values"),
    [
        ("uuid", uuids, [UUID(int=0), UUID(int=2**128 - 1)]),
        ("text", texts, ["", "Größe", "\U0001f600", "x" * 70_000, "NULL", "{,}", '"']),
        ("text", texts, ["a", None]),
        ("bytea", blobs, [b"", b"\x00\xff", None]),
        ("bigint", bigints, [0, -1, LONG, -LONG - 1, None]),
        ("int", ints, [0, -1, 2**31 - 1]),
        ("int", ints, []),
    ],
)
def test_the_server_reads_what_was_written(
    app: Connection, kind: str, column: Any, values: list[object]
) -> None:
    """Any length, any sign, nulls among the rest, and none at all."""
    encoded = column(values)
    assert isinstance(encoded, Column)

    row = app.execute(f"SELECT %b::{kind}[]", (encoded,), binary=True).fetchone()

    assert row == (values,)


@pytest.mark.parametrize("column", [texts, blobs, bigints])
def test_a_column_of_nothing_but_nulls_is_null(column: Any) -> None:
    """The server need not look at each; a column without elements stays one."""
    assert column([None, None]) is None
    assert column([]) is not None
