"""What customers are told about the rollout, as data.

The ledger keeps no addresses and sends nothing: it says who is to be told what, and somebody else's
mail tool, which knows the people of an organisation, tells them.
Source: `rollout-plan.md`, "Communication Plan".
"""

from dataclasses import dataclass

from domain.refusals import Absent


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What customers are told, whom, and where; written once, sent by somebody else's tool."""

    name: str
    subject: str
    audience: str
    text: str
    channels: tuple[str, ...]


class UnknownMessage(Absent):
    """There is no message of that name."""

    code = "unknown_message"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no message '{name}'; there are {', '.join(MESSAGES)}.",
            template=name,
            templates=list(MESSAGES),
        )


def message_named(name: str) -> Message:
    """The message of a name.

    Raises:
        UnknownMessage: there is none.
    """
    found = MESSAGES.get(name.lower())
    if found is None:
        raise UnknownMessage(name)
    return found


PRE_ROLLOUT = Message(
    name="pre-rollout",
    subject="Improved module management is on its way",
    audience="all users",
    text=(
        "We're rolling out improved module management that will give you more control over your "
        "feature access. No action required on your part."
    ),
    channels=("in-app notification", "email to admin users", "documentation update"),
)
EARLY_ACCESS = Message(
    name="early-access",
    subject="Your early access to the new module management",
    audience="early adopter organisations",
    text=(
        "Your organization has been selected for early access to our new module management "
        "system. If you experience any issues, please contact support."
    ),
    channels=("direct email to org admins", "in-app notification", "support team briefed"),
)
POST_ROLLOUT = Message(
    name="post-rollout",
    subject="Module management is live",
    audience="all users",
    text=(
        "Module management system is now live for all organizations. Visit Settings > Modules to "
        "manage your features."
    ),
    channels=("in-app announcement", "email to admin users", "blog post or changelog"),
)
ROLLBACK = Message(
    name="rollback",
    subject="A new feature is temporarily disabled",
    audience="affected users, or all",
    text=(
        "We temporarily disabled a new feature due to technical issues. Your service is "
        "unaffected. We'll notify you when it's re-enabled."
    ),
    channels=("in-app notification", "email if the impact is significant", "status page"),
)
MESSAGES = {
    message.name: message for message in (PRE_ROLLOUT, EARLY_ACCESS, POST_ROLLOUT, ROLLBACK)
}
