"""The bypass as OpenAPI shows it: what is asked, and what is answered."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from api.bodies import RawKey, Reference
from api.documents import Event
from api.documents_decisions import RawOrg
from domain.bypass import MOST_MINUTES, USUAL_MINUTES


class OnBehalfOf(BaseModel):
    """The super admin for whom a service records a use."""

    model_config = ConfigDict(extra="forbid")

    sub: Reference


class UseBody(BaseModel):
    """A super admin is about to use a key of an org that is denied."""

    model_config = ConfigDict(extra="forbid")

    org: RawOrg
    key: RawKey
    permission: Reference | None = None
    route: Reference | None = Field(default=None, description="where: `GET /crm/leads`")
    reason: str | None = Field(default=None, description="or the header X-Bypass-Reason")
    ticket: str | None = None
    session_id: Reference | None = Field(default=None, description="an open session instead")
    actor: OnBehalfOf | None = Field(
        default=None, description="for services: the super admin who asked"
    )


class Used(BaseModel):
    """What came of it. `bypassed` false: it is not denied, so nothing was set aside or recorded.

    `position` is where the use is recorded; null where it was counted in a session's minute.
    """

    allowed: bool
    bypassed: bool
    status: str
    denied_by: str | None
    code: str
    position: int | None
    session_id: str | None


class SessionBody(BaseModel):
    """Open a session for one org."""

    model_config = ConfigDict(extra="forbid")

    org: RawOrg
    reason: str = Field(description="why, in 10 to 500 characters")
    ticket: str | None = None
    minutes: Annotated[int, Field(description=f"1 to {MOST_MINUTES}")] = USUAL_MINUTES


class SessionState(BaseModel):
    """A session; `closed_at` null: it was not ended before its time."""

    session_id: str
    org_id: int | str
    actor: str
    reason: str
    ticket: str | None
    opened_at: str
    ends_at: str
    closed_at: str | None
    open: bool
    changed: bool


class BypassPage(BaseModel):
    """A page of bypasses; `next` is what `after` must be for the following one."""

    events: list[Event]
    next: int | None
    known_to: int
