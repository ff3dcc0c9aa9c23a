"""The plain fields of a legacy row: id, name and instant, each read or refused by name."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from consumers.legacy.flags import shown
from consumers.legacy.results import Difference
from domain.ids import OrgId, org_id
from domain.instants import BEGINNING, aware, from_iso
from domain.refusals import InstantOutOfRange, InvalidOrgId, InvalidText, NaiveTimestamp
from domain.texts import LONGEST_NAME, text

T = TypeVar("T")


class Unreadable(Exception):
    """A value is none of its field's; says why."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one row; what is wrong with them gathers in `differences`."""

    row: dict[str, Any]
    differences: list[Difference] = field(default_factory=list)

    def read(self, name: str, reading: Callable[[Any], T]) -> T | None:
        """The field as `reading` reads it, None when it cannot be read."""
        try:
            if name not in self.row:
                raise Unreadable("it is missing")
            return reading(self.row[name])
        except Unreadable as why:
            message = f"'{name}' cannot be used: {why}."
            self.differences.append(Difference(code=f"invalid_{name}", field=name, message=message))
            return None


def read_id(value: Any) -> OrgId:
    """An integer or a string that is an org id."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise Unreadable(f"{shown(value)} is no id")
    try:
        return org_id(value)
    except (InvalidOrgId, ValueError):
        raise Unreadable(f"{shown(value)} is no id") from None


def read_name(value: Any) -> str:
    """A name that can be kept for ever."""
    try:
        return text(value, field="name", longest=LONGEST_NAME)
    except InvalidText as invalid:
        raise Unreadable(invalid.message.removesuffix(".")) from None
    except AttributeError:
        raise Unreadable(f"{shown(value)} is no text") from None


def read_instant(value: Any, *, now: datetime) -> datetime:
    """An instant with an offset, neither before 1970 nor after `now`."""
    try:
        instant = aware(from_iso(value), field="updated_at")
    except (NaiveTimestamp, InstantOutOfRange, TypeError, ValueError):
        raise Unreadable(f"{shown(value)} is no instant with an offset") from None
    if instant < BEGINNING:
        raise Unreadable(f"{shown(value)} is before 1970")
    if instant > now:
        raise Unreadable(f"{shown(value)} is in the future")
    return instant
