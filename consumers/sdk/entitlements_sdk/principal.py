"""Who asks, as the service found out by its own means."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from entitlements_sdk.org_ids import org_id as one_spelling
from entitlements_sdk.permissions import Permissions

Role = Literal["super_admin", "org_admin", "user", "service"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True)
class BypassWish:
    """Why a super admin wants to use what is denied: a reason, or an open session that has one.

    `route` says where, for the review.
    """

    reason: str | None = None
    session_id: str | None = None
    route: str | None = None


@dataclass(frozen=True)
class Principal:
    """An authenticated caller.

    Args:
        sub: an opaque id; no name and no address.
        role: `super_admin`, `org_admin`, `user` or `service`; another one has no privileges.
        org_id: the org the caller belongs to; None for platform staff.
        permissions: names such as `crm.create`, with wildcards such as `crm.*`.
        bypass: the wish of a super admin to bypass a denial; None: denials stand.

    Attributes:
        org: the one spelling of `org_id`.
        may_choose_org: whether they may name any org: a super admin, or a service held to none.
        may: the permissions, to be asked with `in`.

    Raises:
        InvalidOrgId: no org can have this id.
    """

    sub: str
    role: str = "user"
    org_id: str | int | None = None
    permissions: tuple[str, ...] = ()
    bypass: BypassWish | None = field(default=None, repr=False, compare=False)
    org: str | None = field(init=False, repr=False, compare=False)
    may_choose_org: bool = field(init=False, repr=False, compare=False)
    may: Permissions = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        own = None if self.org_id is None else one_spelling(self.org_id)
        object.__setattr__(self, "org", own)
        staff = self.role == "super_admin" or (self.role == "service" and own is None)
        object.__setattr__(self, "may_choose_org", staff)
        object.__setattr__(self, "permissions", tuple(self.permissions))
        object.__setattr__(self, "may", Permissions(self.permissions))

    @property
    def is_super_admin(self) -> bool:
        return self.role == "super_admin"

    def may_act_in(self, org: str) -> bool:
        """Org isolation: their own org, and any for those who may choose it."""
        return self.org == org or self.may_choose_org
