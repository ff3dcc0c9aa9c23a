"""The super-admin bypass: sessions, what a use needs, and the facts it leaves before it is allowed.

A bypass happens only where the normal verdict is a denial, and only once its fact is committed.
Uses and sessions have streams of their own: nothing per request goes on an org's stream.
Source: `semantics.md`, "Decisions".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.actors import Actor, Provenance
from domain.catalog import Catalog, Key
from domain.facts import LedgerEvent
from domain.ids import OrgId, Stream
from domain.refusals import Absent, Contradicted, NotPermitted, Unacceptable, UnknownKey

BYPASS_USES_STREAM = Stream("bypass-uses")  # never rename: stored with every event
_SESSION_PREFIX = "bypass-session-"  # never rename: the same

USUAL_MINUTES = 60
MOST_MINUTES = 240


class BypassUsed(LedgerEvent):
    """A super admin used `key` of `org` although it is denied by `denied_by`.

    In a session further uses within the same minute are counted, and `BypassUsesCounted` follows.
    """

    TOPIC = "entitlements.BypassUsed.v1"

    org: OrgId
    key: Key
    denied_by: str
    permission: str | None
    route: str | None
    session_id: str | None


class BypassUsesCounted(LedgerEvent):
    """After the `BypassUsed` of that minute there were `uses` more of the same in the session."""

    TOPIC = "entitlements.BypassUsesCounted.v1"

    org: OrgId
    key: Key
    route: str | None
    session_id: str
    minute: datetime
    uses: int


class BypassRefused(LedgerEvent):
    """A super admin was denied `key` of `org`: the bypass was not allowed there, for `why`."""

    TOPIC = "entitlements.BypassRefused.v1"

    org: OrgId
    key: Key
    denied_by: str
    route: str | None
    why: str


class BypassSessionOpened(LedgerEvent):
    """Until `ends_at`, that instant excluded, the actor may bypass for `org` under one reason."""

    TOPIC = "entitlements.BypassSessionOpened.v1"

    org: OrgId
    session_id: str
    ends_at: datetime


class BypassSessionClosed(LedgerEvent):
    """The session was closed before its end."""

    TOPIC = "entitlements.BypassSessionClosed.v1"

    org: OrgId
    session_id: str


class BypassSessionExpired(LedgerEvent):
    """The session came to its end by itself, at `effective_at`."""

    TOPIC = "entitlements.BypassSessionExpired.v1"

    org: OrgId
    session_id: str


class InvalidMinutes(Unacceptable):
    """A session that would last too long, or not at all."""

    code = "invalid_minutes"

    def __init__(self, minutes: int) -> None:
        super().__init__(
            f"A session lasts 1 to {MOST_MINUTES} minutes, not {minutes}.",
            minutes=minutes,
            most=MOST_MINUTES,
        )


class BypassReasonMissing(Unacceptable):
    """A bypass without a word why."""

    code = "bypass_reason_missing"
    hint = "Send X-Bypass-Reason (10 to 500 characters), or open a session with /bypass/sessions."

    def __init__(self) -> None:
        super().__init__("A bypass needs a reason, or a session that has one.")


class UnknownSession(Absent):
    """No session of that id."""

    code = "unknown_session"
    hint = "Open one with POST /api/v1/bypass/sessions; its answer has the id."

    def __init__(self, session_id: str) -> None:
        super().__init__(f"There is no bypass session '{session_id}'.", session_id=session_id)


class SessionOver(Contradicted):
    """The session was closed, or has come to its end."""

    code = "session_over"
    hint = "Open a new one with POST /api/v1/bypass/sessions."

    def __init__(self, session_id: str, *, ended_at: str) -> None:
        super().__init__(
            f"The bypass session '{session_id}' ended at {ended_at}.",
            session_id=session_id,
            ended_at=ended_at,
        )


class SessionElsewhere(NotPermitted):
    """The session is another's, or for another org."""

    code = "session_elsewhere"
    hint = "Open one of your own for this organisation with POST /api/v1/bypass/sessions."

    def __init__(self, session_id: str) -> None:
        super().__init__(
            f"The bypass session '{session_id}' is another actor's, or for another organisation.",
            session_id=session_id,
        )


class BypassNotAllowed(NotPermitted):
    """Bypassing is switched off, for this key or altogether."""

    code = "bypass_not_allowed"
    hint = "Grant the key, for a few hours if need be: 'entitlements org grant' takes --until."

    def __init__(self, key: str, *, why: str) -> None:
        super().__init__(f"'{key}' cannot be bypassed: {why}.", key=key, why=why)


BYPASS_FACTS: tuple[type[LedgerEvent], ...] = (
    BypassUsed,
    BypassUsesCounted,
    BypassRefused,
    BypassSessionOpened,
    BypassSessionClosed,
    BypassSessionExpired,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One session: `[opened_at, ends_at)`, cut short at `closed_at`."""

    id: str
    org: OrgId
    actor: str
    reason: str
    ticket: str | None
    opened_at: datetime
    ends_at: datetime
    closed_at: datetime | None = None
    version: int = 1

    def over_at(self, at: datetime) -> datetime | None:
        """When it ended, None while it is open at `at`."""
        if self.closed_at is not None and self.closed_at <= at:
            return self.closed_at
        return self.ends_at if self.ends_at <= at else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a super admin is about to use, and the denial that stands in the way."""

    org: OrgId
    key: Key
    denied_by: str
    permission: str | None = None
    route: str | None = None
    session_id: str | None = None


def expired_by_itself(session: Session) -> Provenance:
    """Who ends a session that nobody closed."""
    return Provenance(
        actor=Actor(id="entitlements-ledger", type="system", on_behalf_of=session.actor),
        reason="The bypass session came to its end by itself.",
    )


def session_stream(session_id: str) -> Stream:
    """The stream of one session."""
    return Stream(_SESSION_PREFIX + session_id)


def session_named(stream: str) -> str | None:
    """The session a stream belongs to, or None for the streams that belong to none."""
    return stream[len(_SESSION_PREFIX) :] if stream.startswith(_SESSION_PREFIX) else None


def session_end(minutes: int, *, now: datetime) -> datetime:
    """When a session of so many minutes ends.

    Raises:
        InvalidMinutes: fewer than 1, or more than 240.
    """
    if not 1 <= minutes <= MOST_MINUTES:
        raise InvalidMinutes(minutes)
    return now + timedelta(minutes=minutes)


def session_of(facts: Iterable[LedgerEvent]) -> Session | None:
    """The session its facts add up to, None where there are none."""
    session: Session | None = None
    for fact in facts:
        match fact:
            case BypassSessionOpened():
                session = Session(
                    id=fact.session_id,
                    org=fact.org,
                    actor=fact.actor,
                    reason=fact.reason,
                    ticket=fact.ticket,
                    opened_at=fact.effective_at,
                    ends_at=fact.ends_at,
                )
            case BypassSessionClosed() | BypassSessionExpired() if session is not None:
                session = replace(
                    session, closed_at=fact.effective_at, version=fact.originator_version
                )
    return session


def misnamed(keys: Iterable[str], catalog: Catalog) -> Iterator[str]:
    """A sentence for each of some keys that the catalog does not have under just this name."""
    for named in keys:
        try:
            key = catalog.resolve(named)
        except UnknownKey as unknown:
            yield unknown.message
        else:
            if key != named:
                yield f"'{named}' is another spelling of '{key}': write that."
