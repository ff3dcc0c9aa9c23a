"""Questions put to the decision: one asker, one permission, one instant, any orgs and keys."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from api.render_decisions import Moment, answer
from api.tokens import Principal
from domain.decision import UNKNOWN_KEY, Gating, has_permission, judge, may_act_in
from domain.decision_ids import decision_id, letters, unknown
from domain.gating import Mode
from domain.ids import OrgId
from domain.instants import iso
from domain.refusals import NotPermitted, UnknownKey
from domain.rows import Columns

NOT_ABOUT_OTHERS = "Only a super admin or a service may ask about somebody else."
NOT_THIS_ORG = "Only its own people, super admins and services may ask about an organisation."
NO_OTHER_TIME = "Only a super admin or a service of this organisation may ask about another time."


class Known(NamedTuple):
    """What is known of an org: its cells, its version, and until when (exclusive) that holds."""

    cells: bytes
    version: int
    boundary: datetime | None
    stale: bool = False


class Asking:
    """Answers what one asker wants to know at one instant.

    Args:
        about: whom the question is about.
        ttl: how long an answer may be kept at most; None where it is of a chosen instant.
    """

    def __init__(
        self,
        columns: Columns,
        gating: Gating,
        *,
        about: Principal,
        permission: str | None,
        at: datetime,
        ttl: timedelta | None,
    ) -> None:
        self.columns = columns
        self._gating = gating
        self._about = about
        self._super_admin = about.role == "super_admin"
        self._permitted = has_permission(
            permission,
            role=about.role,
            permissions=about.permissions,
            role_permissions=columns.catalog.role_permissions,
        )
        self._at = at
        self._from_history = ttl is None
        self._latest = None if ttl is None else at + ttl
        self.evaluated_at = iso(at)
        self._moment = Moment.of(
            self.evaluated_at,
            catalog_version=columns.catalog.version,
            rollout_version=gating.version,
        )

    def of(self, org: OrgId, known: Known) -> Callable[[str], str]:
        """What answers questions about the keys of one org, as JSON.

        A key may be spelt in any way the catalog knows.
        """
        own = may_act_in(org, role=self._about.role, own=self._about.org)
        until = self._until(known)
        hows: dict[Mode, str] = {}

        def answered(key: str) -> str:
            place, cell, mode = self._found(org, known, key)
            how = hows.get(mode)
            if how is None:
                how = hows[mode] = letters(
                    mode=mode,
                    super_admin=self._super_admin,
                    permitted=self._permitted,
                    own=own,
                    from_history=self._from_history,
                )
            verdict = judge(cell, mode, self._super_admin, self._permitted, own)
            named = decision_id(org, place, known.version, self._moment.versions, how, cell)
            return answer(verdict, named, known.version, self._moment, until, known.stale)

        return answered

    def _found(self, org: OrgId, known: Known, key: str) -> tuple[int | str, int, Mode]:
        columns, gating = self.columns, self._gating
        place = columns.place_of.get(key)
        if place is None:
            try:
                place = columns.place_of[columns.catalog.resolve(key)]
            except UnknownKey:
                return unknown(key), UNKNOWN_KEY, "enforce"
        mode = gating.uniform or gating(org, columns.module_at[place])
        return place, known.cells[place], mode

    def _until(self, known: Known) -> str | None:
        if known.stale:
            return self.evaluated_at  # not to be kept at all
        if self._latest is not None and (known.boundary is None or self._latest < known.boundary):
            return iso(self._latest)
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
