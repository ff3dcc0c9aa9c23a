"""Columns for `ledger_append`: arrays in PostgreSQL's binary format.

Every append goes through here, and the driver takes an array apart element by element to learn
what it is: that took longer than all the rest of sending it.
"""

from collections.abc import Sequence
from struct import Struct
from uuid import UUID

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_UUID, _TEXT, _BYTEA, _BIGINT, _INT = 2950, 25, 17, 20, 23  # never rename: PostgreSQL's own
_header = Struct(">iiIii").pack  # dimensions, whether any is null, type, length, first index
_size = Struct(">i").pack
_bigint = Struct(">q").pack
_NULL = _size(-1)


class Column(bytes):
    """An array as it goes over the wire; the statement says of what type it is."""


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Column) -> Column:
        return obj


psycopg.adapters.register_dumper(Column, _ColumnDumper)


def uuids(values: Sequence[UUID]) -> Column | None:
    """`uuid[]`."""
    return _column(_UUID, [value.bytes for value in values])


def texts(values: Sequence[str | None]) -> Column | None:
    """`text[]`, null when every element is."""
    return _column(_TEXT, [None if value is None else value.encode() for value in values])


def blobs(values: Sequence[bytes | None]) -> Column | None:
    """`bytea[]`, null when every element is."""
    return _column(_BYTEA, values)


def bigints(values: Sequence[int | None]) -> Column | None:
    """`bigint[]`, null when every element is."""
    return _column(_BIGINT, [None if value is None else _bigint(value) for value in values])


def ints(values: Sequence[int]) -> Column | None:
    """`int[]`."""
    return _column(_INT, [_size(value) for value in values])


def _column(kind: int, values: Sequence[bytes | None]) -> Column | None:
    nulls = values.count(None)
    if nulls and nulls == len(values):
        return None
    parts = [_header(1, nulls > 0, kind, len(values), 1)]
    parts += [_NULL if value is None else _size(len(value)) + value for value in values]
    return Column(b"".join(parts))
