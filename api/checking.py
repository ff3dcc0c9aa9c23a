"""Questions put to the decision: one asker, one permission, one instant, any orgs and keys."""

import json
from binascii import crc32
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from api.decided import Decided, kind_of
from api.render_decisions import Versions, ends, middle
from api.tokens import Principal
from domain.decision import UNKNOWN_KEY, Gating, has_permission, judge, may_act_in
from domain.decision_ids import letters, of_org, unknown
from domain.gating import MODES, Mode
from domain.ids import OrgId
from domain.instants import iso, iso_once
from domain.refusals import NotPermitted, UnknownKey
from domain.rows import Columns

NOT_ABOUT_OTHERS = "Only a super admin or a service may ask about somebody else."
NOT_THIS_ORG = "Only its own people, super admins and services may ask about an organisation."
NO_OTHER_TIME = "Only a super admin or a service of this organisation may ask about another time."


_BITS = 8  # of a cell
_CELL = (1 << _BITS) - 1


class Known(NamedTuple):
    """What is known of an org: its cells, its version, and until when (exclusive) that holds."""

    cells: bytes
    version: int
    boundary: datetime | None
    stale: bool = False


class _Pieces(NamedTuple):
    """Of an answer, what is the same for all that comes out alike: all but the key in its id."""

    head: str
    ending: str  # of the id
    tail: str
    kind: int  # under which it is counted


@lru_cache(maxsize=4096)
def _judged(
    cell: int,
    mode: Mode,
    super_admin: bool,
    permitted: bool | None,
    own: bool,
    from_history: bool,
) -> _Pieces:
    """The pieces of a verdict, with nothing yet of an org or an instant."""
    how = letters(
        mode=mode,
        super_admin=super_admin,
        permitted=permitted,
        own=own,
        from_history=from_history,
        cell=cell,
    )
    verdict = judge(cell, mode, super_admin, permitted, own)
    head, tail = ends(verdict)
    return _Pieces(head.removeprefix("{"), how, tail, kind_of(verdict))


class Asker:
    """What is the same for all that one asker wants to know, while catalog and rollout hold.

    Args:
        about: whom the questions are about.
        ttl: how long an answer may be kept at most; None where it is of a chosen instant.
        decided: where the answers are counted; None where they are not.
    """

    def __init__(
        self,
        columns: Columns,
        gating: Gating,
        *,
        about: Principal,
        permission: str | None,
        ttl: timedelta | None,
        decided: Decided | None = None,
    ) -> None:
        self.columns = columns
        self.gating = gating
        self.about = about
        self.decided = decided
        self.ttl = ttl
        self.super_admin = about.role == "super_admin"
        self.permitted = has_permission(
            permission,
            role=about.role,
            permissions=about.permissions,
            role_permissions=columns.catalog.role_permissions,
        )
        self.rollout_version = gating.version
        self.versions = Versions.of(columns.catalog.version, gating.version)

    def at(self, instant: datetime) -> "Asking":
        """Ask at an instant."""
        return Asking(self, instant)


class Asking:
    """Answers what an asker wants to know at one instant."""

    def __init__(self, asker: Asker, at: datetime) -> None:
        self.columns = asker.columns
        self._asker = asker
        self._at = at
        self._latest = None if asker.ttl is None else at + asker.ttl
        self._at_the_latest: str | None = None
        self.evaluated_at = iso_once(at)
        self._moment = asker.versions.at(self.evaluated_at)

    def of(
        self,
        org: OrgId,
        known: Known,
        keys: Sequence[str],
        *,
        lead: str = "{",
        heads: Sequence[str] | None = None,
    ) -> list[str]:
        """The answers about keys of an org, as JSON; keys may be spelt as the catalog knows them.

        They are put together from pieces that are made once for an org and all that comes out
        alike: there may be ten thousand of them. `lead` is what all begin with, `heads` what comes
        next in each.
        """
        asker = self._asker
        own = may_act_in(org, role=asker.about.role, own=asker.about.org)
        opening = of_org(org)
        start = crc32(opening.encode())
        between = middle(known.version, self._moment, self._until(known), known.stale)
        names, cases = self._cases(org, known, tuple(keys))
        modes = (asker.gating.uniform or MODES[0], *MODES)
        alike = {
            case: self._pieces(case & _CELL, modes[case >> _BITS], own, opening, known, between)
            for case in set(cases)
        }
        answers = [
            f"{lead}{head}{begins}{(body := name + ending)}~{crc32(body.encode(), start):08x}{tail}"
            for head, name, (begins, ending, tail, _) in zip(
                heads or [""] * len(keys), names, map(alike.__getitem__, cases), strict=True
            )
        ]
        if asker.decided is not None:
            kinds = [alike[case].kind for case in cases]
            self._count(asker.decided, org, keys, kinds, stale=known.stale)
        return answers

    def _cases(
        self, org: OrgId, known: Known, keys: tuple[str, ...]
    ) -> tuple[Sequence[str], Sequence[int]]:
        """How each key stands in an id; and its cell, with the mode's place in the bits above."""
        gating = self._asker.gating
        places = self.columns.places(keys) if gating.uniform is not None else None
        if places is not None:
            return places.names, places.of(known.cells)
        names, cases = [], []
        for key in keys:
            name, cell, mode = self._found(org, known, key)
            names.append(name)
            cases.append(MODES.index(mode) + 1 << _BITS | cell)
        return names, cases

    def _count(
        self, decided: Decided, org: OrgId, keys: Sequence[str], kinds: list[int], *, stale: bool
    ) -> None:
        """Staff who look around use nothing, so only what others ask is seen."""
        noteworthy = decided.add(kinds, stale=stale)
        if self._asker.super_admin:
            return
        version = self._asker.gating.version
        decided.watch(kinds, version=version)
        if noteworthy:
            catalog = self.columns.catalog
            decided.see(org, keys, kinds, catalog=catalog, version=version, at=self._at)

    def read(self, org: OrgId, known: Known, keys: Sequence[str]) -> list[dict[str, Any]]:
        """The same answers for who says them in another form."""
        answers = self.of(org, known, keys)
        found: list[dict[str, Any]] = json.loads(f"[{','.join(answers)}]")
        return found

    def _pieces(
        self, cell: int, mode: Mode, own: bool, opening: str, known: Known, between: str
    ) -> "_Pieces":
        asker = self._asker
        head, how, tail, kind = _judged(
            cell, mode, asker.super_admin, asker.permitted, own, asker.ttl is None
        )
        named = f"~{known.version}~{self._moment.versions}~{how}"
        return _Pieces(f"{head}{opening}", named, f"{between}{tail}", kind)

    def _found(self, org: OrgId, known: Known, key: str) -> tuple[str, int, Mode]:
        columns, gating = self.columns, self._asker.gating
        try:
            place = columns.place_of[columns.catalog.resolve(key)]
        except UnknownKey:
            return unknown(key), UNKNOWN_KEY, "enforce"
        mode = gating.uniform or gating(org, columns.module_at[place])
        return str(place), known.cells[place], mode

    def _until(self, known: Known) -> str | None:
        if known.stale:
            return self.evaluated_at  # not to be kept at all
        if self._latest is not None and (known.boundary is None or self._latest < known.boundary):
            if self._at_the_latest is None:
                self._at_the_latest = iso_once(self._latest)
            return self._at_the_latest
        return None if known.boundary is None else iso(known.boundary)


def may_ask(principal: Principal, *, about: Principal) -> None:
    """Raises NotPermitted unless one may ask what another may do."""
    if about is not principal and principal.role not in ("super_admin", "service"):
        raise NotPermitted(NOT_ABOUT_OTHERS)


def may_ask_of(principal: Principal, org: OrgId, *, another_time: bool) -> None:
    """Raises NotPermitted unless one may ask about an org, and about it at another time."""
    if not principal.may_see(org):
        raise NotPermitted(NOT_THIS_ORG)
    if another_time and principal.role not in ("super_admin", "service"):
        raise NotPermitted(NO_OTHER_TIME)
