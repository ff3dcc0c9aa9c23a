"""JSON text value by value: the bytes that `json.dumps` gives, without its set-up each time."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from json.encoder import encode_basestring
from typing import Any
from uuid import UUID

from domain.ids import uuid_text
from domain.instants import iso


def json_text(value: Any) -> str:
    """`value` as JSON without blanks, letters as they are; instants and ids are texts."""
    return _WRITERS[type(value)](value)


def json_texts(values: Iterable[Any]) -> tuple[str, ...]:
    """The `json_text` of each."""
    return tuple([_WRITERS[type(value)](value) for value in values])


def template(names: Iterable[str]) -> str:
    """An object with these members; `%` with the `json_texts` of their values fills it."""
    members = [json_text(name).replace("%", "%%") + ":%s" for name in names]
    return f"{{{','.join(members)}}}"


def _instant(value: datetime) -> str:
    return f'"{iso(value)}"'


def _id(value: UUID) -> str:
    return f'"{uuid_text(value)}"'


def _array(values: Iterable[Any]) -> str:
    return f"[{','.join(json_texts(values))}]"


def _object(value: dict[str, Any]) -> str:
    return _whole(value) if value else "{}"


def _text_of(value: datetime | UUID) -> str:
    return iso(value) if isinstance(value, datetime) else str(value)


_whole = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=_text_of).encode


class _Writers(dict[type, Callable[[Any], str]]):
    def __missing__(self, kind: type) -> Callable[[Any], str]:
        return _whole


_known: dict[type, Callable[[Any], str]] = {
    str: encode_basestring,
    int: str,
    type(None): lambda _: "null",
    datetime: _instant,
    UUID: _id,
    bool: lambda value: "true" if value else "false",
    tuple: _array,
    dict: _object,
}
_WRITERS = _Writers(_known)
