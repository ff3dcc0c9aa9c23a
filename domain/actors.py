"""Who said so, and why: what every fact carries beside its content."""

from dataclasses import dataclass

from domain.refusals import InvalidReason
from domain.texts import LONGEST_REFERENCE, LONGEST_TICKET, text

SHORTEST_REASON = 10  # characters
LONGEST_REASON = 500  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An opaque principal and what kind of principal it is; never a name or an address."""

    id: str
    type: str  # super_admin | org_admin | user | service | system
    on_behalf_of: str | None = None

    @property
    def may_override(self) -> bool:
        """Whether this actor may set aside a once-only rule; that it did is recorded."""
        return self.type in ("super_admin", "system")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """The actor, the reason and the chain of causes that one command leaves on all of its facts.

    Raises:
        InvalidReason: it has not 10 to 500 characters (white space at the ends not counted).
        InvalidText: a text has characters that cannot be kept.
    """

    actor: Actor
    reason: str
    ticket: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    batch_id: str | None = None
    traceparent: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "reason", self.reason.strip())
        if not SHORTEST_REASON <= len(self.reason) <= LONGEST_REASON:
            raise InvalidReason(length=len(self.reason))
        text(self.reason, field="reason", longest=LONGEST_REASON)
        text(self.actor.id, field="actor", longest=LONGEST_REFERENCE)
        if self.ticket is not None:
            object.__setattr__(
                self, "ticket", text(self.ticket, field="ticket", longest=LONGEST_TICKET)
            )
