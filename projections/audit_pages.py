"""The statements behind a page of the audit log: whatever is asked, an index leads to it in order.

Three things would make a page cost as much as the log is long, and none of them is left to the
planner. A walk along the log in search of a rare mark: no index of the view is by position alone.
A range of time beside a mark: time never falls along the log, so it is turned into positions,
which every index ends in. Several types at once: each is looked for by itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg.sql import SQL, Composed


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditQuery:
    """What to look for; every field that is not None must match.

    `[starts, ends)` is the time of recording. `after` is the position of the last event of the
    page before, in the direction of the query.
    """

    org: str | None = None
    key: str | None = None
    actor: str | None = None
    types: tuple[str, ...] = ()
    source: str | None = None
    batch: str | None = None
    starts: datetime | None = None
    ends: datetime | None = None
    after: int | None = None
    newest_first: bool = True
    limit: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The positions `(after, before)` of the log; None: no bound."""

    after: int | None = None
    before: int | None = None

    def narrowed(self, *, after: int | None = None, before: int | None = None) -> "Stretch":
        """The part of it that also lies between these."""
        return Stretch(
            after=max((p for p in (self.after, after) if p is not None), default=None),
            before=min((p for p in (self.before, before) if p is not None), default=None),
        )


Statement = tuple[Composed, list[Any]]
_Condition = tuple[LiteralString, Any]

# The first positions that were recorded at two instants or later.
FIRST_SINCE = """
    SELECT (SELECT position FROM ledger.audit_entries WHERE recorded_at >= %s::timestamptz
             ORDER BY recorded_at, position LIMIT 1),
           (SELECT position FROM ledger.audit_entries WHERE recorded_at >= %s::timestamptz
             ORDER BY recorded_at, position LIMIT 1)
"""
_MARKED = SQL("(SELECT position FROM ledger.audit_entries WHERE {} ORDER BY position {} LIMIT %s)")
# Not a join, for which the planner may read the whole log: at most a page is looked up.
_EVENTS = SQL(
    "SELECT position, recorded_at, stream, version, topic, state FROM ledger.events"
    " WHERE position = ANY(ARRAY("
    "  SELECT position FROM ({}) AS found ORDER BY position {} LIMIT %s)) ORDER BY position {}"
)
_LOG = SQL(
    "SELECT position, recorded_at, stream, version, topic, state FROM ledger.events"
    " WHERE {} AND position <= (SELECT position FROM ledger.followers WHERE view = 'audit')"
    " ORDER BY position {} LIMIT %s"
)


def page_statement(query: AuditQuery, stretch: Stretch) -> Statement:
    """What reads a page within a stretch, and its values.

    Without any mark a page is a piece of the log itself, as far as the view has come.
    """
    order = SQL("DESC" if query.newest_first else "ASC")
    marks, bounds = list(_marks(query)), list(_bounds(stretch))
    if not marks and not query.types:
        where, values = _where([*bounds, ("position >", 0)])
        return _LOG.format(where, order), [*values, query.limit]
    branches: list[Composed] = []
    given: list[Any] = []
    for kind in query.types or (None,):
        typed: list[_Condition] = [("type =", kind)] if kind is not None else []
        where, values = _where([*marks, *typed, *bounds])
        branches.append(_MARKED.format(where, order))
        given += [*values, query.limit]
    found = SQL(" UNION ALL ").join(branches)
    return _EVENTS.format(found, order, order), [*given, query.limit]


def _marks(query: AuditQuery) -> Iterator[_Condition]:
    marks: list[_Condition] = [
        ("org =", query.org),
        ("key =", query.key),
        ("actor =", query.actor),
        ("source =", query.source),
        ("batch =", query.batch),
    ]
    return (mark for mark in marks if mark[1] is not None)


def _bounds(stretch: Stretch) -> Iterator[_Condition]:
    if stretch.after is not None:
        yield "position >", stretch.after
    if stretch.before is not None:
        yield "position <", stretch.before


def _where(conditions: list[_Condition]) -> tuple[Composed, list[Any]]:
    parts = [SQL(left + " %s") for left, _ in conditions]
    return SQL(" AND ").join(parts), [value for _, value in conditions]
