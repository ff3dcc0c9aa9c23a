"""One column of legacy flags: what it sets, what it leaves unset, and what is wrong with it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from consumers.legacy.lines import pairs_of
from consumers.legacy.results import Difference
from consumers.legacy.truth import Truth, truth
from domain.catalog import Key
from domain.refusals import UnknownKey

_SHOWN = 60  # characters of a value in a message

Resolve = Callable[[str], Key | UnknownKey]
"""The key that a flag stands for, or the refusal where it stands for none."""


@dataclass(slots=True, kw_only=True)
class Flags:
    """A column, read: the keys it sets to true or false, and the names of flags never set."""

    values: dict[Key, bool] = field(default_factory=dict)
    unset: list[str] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)

    def differ(self, code: str, name: str, message: str) -> None:
        """Note one thing that keeps the row back."""
        self.differences.append(Difference(code=code, field=name, message=message))


def read_flags(value: Any, *, column: str, resolve: Resolve) -> Flags:
    """Read a column of flags; case does not matter, a blank does."""
    flags = Flags()
    if not isinstance(value, dict):
        flags.differ("not_an_object", column, f"'{column}' is {shown(value)}, not an object.")
        return flags
    for name, raw in pairs_of(value):
        _read_flag(flags, name, raw, column=column, key=resolve(name))
    return flags


def remembered(resolve: Callable[[str], Key]) -> Resolve:
    """`resolve` as `read_flags` wants it: a file spells the same few names over and over."""

    @lru_cache(maxsize=1024)
    def known(name: str) -> Key | UnknownKey:
        try:
            return resolve(name)
        except UnknownKey as unknown:
            return unknown.with_traceback(None)

    return known


def shown(value: Any) -> str:
    """A JSON value as a message shows it."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return f"the text {value[:_SHOWN]!r}"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return repr(value)[:_SHOWN]


def _read_flag(flags: Flags, name: str, raw: Any, *, column: str, key: Key | UnknownKey) -> None:
    read = truth(raw)
    if isinstance(key, UnknownKey):
        flags.differ("unknown_key", f"{column}.{name}", key.message)
    elif read is None:
        message = f"'{name}' is {shown(raw)}: no truth value."
        flags.differ("not_a_truth_value", f"{column}.{name}", message)
    elif read is Truth.UNSET:
        flags.unset.append(f"{column}.{name}")
    elif flags.values.setdefault(key, read is Truth.TRUE) is not (read is Truth.TRUE):
        message = f"'{key}' is set to true and to false."
        flags.differ("contradiction", f"{column}.{name}", message)
