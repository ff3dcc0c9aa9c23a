"""The two lanes of an org: grants give access, blocks take it away and always win.

Their entries are tuples because a history makes thousands of them, and a tuple is made and changed
in a third of a frozen class's time; they are made by name, and never looked at by place.
"""

import re
from datetime import datetime
from typing import Literal, NamedTuple, get_args

from domain.catalog import Key, module_of
from domain.instants import covers
from domain.refusals import InvalidSource

GrantKind = Literal["full", "trial"]
Scope = Literal["org", "module", "submodule"]
Edge = Literal["starts", "ends"]
Category = Literal["suspension", "compliance", "admin_off", "abuse"]
EndedBy = Literal["revoked", "superseded", "converted", "cancelled"]
End = tuple[datetime | None, EndedBy | None]
Slot = tuple[Key, str, str | None]  # key, source and reference

CATEGORIES: tuple[Category, ...] = get_args(Category)
TRIAL_SOURCE = "trial"
ADMIN_SOURCE = "admin"

_SOURCE = re.compile(
    r"admin|legacy|system|trial"
    r"|plan:[a-z0-9_.\-]{1,64}@[A-Za-z0-9_.\-]{1,32}"
    r"|bundle:[a-z0-9_]{1,64}"
    r"|promo:[A-Za-z0-9_.\-]{1,64}"
)


def valid_source(source: str, *, trial: bool = False) -> str:
    """`source` itself.

    Raises:
        InvalidSource: not of a form `semantics.md` lists, or `trial` for a full grant.
    """
    if not _SOURCE.fullmatch(source) or (source == TRIAL_SOURCE and not trial):
        raise InvalidSource(source[:120])
    return source


class Grant(NamedTuple):
    """Access to `key` in `[starts, ends)` from one source; `ended_by` says what cut it short.

    `ends_before` are the ends it had before it was to be cut short later, the first one first: what
    is left of them holds again when that is cancelled. `cancelled_end` is the last that was.
    """

    id: str
    key: Key
    kind: GrantKind
    source: str
    source_ref: str | None
    starts: datetime
    ends: datetime | None
    ended_by: EndedBy | None = None
    ends_before: tuple[End, ...] = ()
    cancelled_end: datetime | None = None

    @property
    def slot(self) -> Slot:
        """A new grant takes over from what stands in its slot."""
        return self.key, self.source, self.source_ref

    def active(self, at: datetime) -> bool:
        return covers(self.starts, self.ends, at)

    @property
    def begins(self) -> bool:
        """Whether it is ever active; what was taken back before its start is not."""
        return self.ends is None or self.starts < self.ends

    @property
    def taken_back(self) -> bool:
        """Whether its start was cancelled, for good."""
        return self.ended_by == "cancelled"

    def live(self, at: datetime) -> bool:
        """Active or still to come."""
        return self.ends is None or (at < self.ends and self.starts < self.ends)


class Block(NamedTuple):
    """No access in `[starts, ends)` to the whole org, a module or a submodule.

    `cancelled_end` is the end it had, where that was cancelled.
    """

    id: str
    scope: Scope
    key: Key | None
    category: Category
    starts: datetime
    ends: datetime | None
    cancelled_end: datetime | None = None

    @property
    def slot(self) -> tuple[Scope, Key | None, Category]:
        """At most one live block stands in a slot."""
        return self.scope, self.key, self.category

    def active(self, at: datetime) -> bool:
        return covers(self.starts, self.ends, at)

    @property
    def begins(self) -> bool:
        """Whether it is ever active; what was taken back before its start is not."""
        return self.ends is None or self.starts < self.ends

    def live(self, at: datetime) -> bool:
        """Active or still to come."""
        return self.ends is None or (at < self.ends and self.starts < self.ends)

    def concerns(self, key: Key) -> bool:
        """Whether `key` lies in the block's scope."""
        return self.scope == "org" or self.key in (key, module_of(key))


class UsedTrial(NamedTuple):
    """That a key has been on trial before; it is never forgotten."""

    grant_id: str
    starts: datetime
    ends: datetime
