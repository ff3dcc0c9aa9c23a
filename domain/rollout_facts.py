"""What can happen to the rollout, as facts of the stream `rollout`; none is ever edited."""

from domain.catalog import Key
from domain.facts import LedgerEvent
from domain.gating import Mode
from domain.ids import OrgId


class RolloutEvent(LedgerEvent):
    """A fact of the rollout."""


class GatingKilled(RolloutEvent):
    """Nothing is gated any more, anywhere, until it is resumed."""

    TOPIC = "entitlements.GatingKilled.v1"


class GatingResumed(RolloutEvent):
    """The kill switch is off again; the other rules hold as they stood."""

    TOPIC = "entitlements.GatingResumed.v1"


class ShareSet(RolloutEvent):
    """Gating is enforced for `share` hundredths of a percent of the orgs, the same ones always.

    `overrode` names the thresholds that would have refused it.
    """

    TOPIC = "entitlements.ShareSet.v2"

    share: int
    previous: int
    overrode: list[str]


class DefaultModeSet(RolloutEvent):
    """Orgs that no other rule names are in `mode`."""

    TOPIC = "entitlements.DefaultModeSet.v1"

    mode: Mode
    previous: Mode


class ModuleExempted(RolloutEvent):
    """`key` is not gated for anybody."""

    TOPIC = "entitlements.ModuleExempted.v1"

    key: Key


class ModuleExemptionEnded(RolloutEvent):
    """`key` is gated again, as the other rules say."""

    TOPIC = "entitlements.ModuleExemptionEnded.v1"

    key: Key


class OrgsExempted(RolloutEvent):
    """Nothing is gated for these orgs."""

    TOPIC = "entitlements.OrgsExempted.v1"

    orgs: list[OrgId]


class OrgsExemptionEnded(RolloutEvent):
    """These orgs are gated again, as the other rules say."""

    TOPIC = "entitlements.OrgsExemptionEnded.v1"

    orgs: list[OrgId]


class OrgsForced(RolloutEvent):
    """These orgs are in `mode` whatever the percentage; `tag` names them as a cohort."""

    TOPIC = "entitlements.OrgsForced.v1"

    orgs: list[OrgId]
    mode: Mode
    tag: str | None


class OrgsReleased(RolloutEvent):
    """These orgs follow the percentage again."""

    TOPIC = "entitlements.OrgsReleased.v1"

    orgs: list[OrgId]


class StepSignedOff(RolloutEvent):
    """One of the five roles agrees that `step` may begin."""

    TOPIC = "entitlements.StepSignedOff.v1"

    step: str
    role: str


class StepEntered(RolloutEvent):
    """The rollout is in `step` from now on; `overrode` names what was missing."""

    TOPIC = "entitlements.StepEntered.v1"

    step: str
    previous: str
    overrode: list[str]
