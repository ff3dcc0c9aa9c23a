"""Whether a decision is enforced, only watched, or left alone: the rollout's rules as one value.

kill switch → exempt module → exempt org → forced org → percentage → default

Source: `semantics.md`, "Rollout".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import Literal, NamedTuple, Self, get_args

from domain.catalog import Key
from domain.ids import OrgId

Mode = Literal["off", "shadow", "enforce"]
Rule = Literal["kill_switch", "exempt_module", "exempt_org", "forced_org", "percentage", "default"]

MODES: tuple[Mode, ...] = get_args(Mode)
SALT = "entitlements"  # never rename: it decides which orgs come first
BUCKETS = 10_000
EVERYBODY = BUCKETS  # in hundredths of a percent


class Ruling(NamedTuple):
    """The mode of one org and module, and the rule it comes from."""

    mode: Mode
    rule: Rule


def bucket(org: OrgId, *, salt: str = SALT) -> int:
    """The org's place in 0 to 9,999; it never changes, so 5 % is within 25 % and within 100 %."""
    return int(sha256(f"{salt}:{org}".encode()).hexdigest()[:8], 16) % BUCKETS


@dataclass(frozen=True, kw_only=True)
class Gating:
    """The rules in force. Before any rollout was begun everything is enforced for everybody.

    `share` is in hundredths of a percent (2,500 is 25 %). `killed_here` is the word of this
    machine (its environment or its file), which counts with the ledger out of reach, too.
    """

    version: int = 0
    killed: bool = False
    killed_here: bool = False
    exempt_modules: frozenset[Key] = frozenset()
    exempt_orgs: frozenset[OrgId] = frozenset()
    forced_orgs: Mapping[OrgId, Mode] = field(default_factory=dict)
    share: int = EVERYBODY
    default: Mode = "off"

    def __call__(self, org: OrgId, module: Key) -> Mode:
        """The mode alone."""
        return self.ruling(org, module).mode

    @cached_property
    def uniform(self) -> Mode | None:
        """The mode where it is the same for every org and module, so that nobody need ask."""
        if self.killed or self.killed_here:
            return "off"
        if self.exempt_modules or self.exempt_orgs or self.forced_orgs:
            return None
        if self.share == EVERYBODY:
            return "enforce"
        return self.default if self.share == 0 else None

    def ruling(self, org: OrgId, module: Key) -> Ruling:
        """How decisions on `module` are taken for `org`, by the first rule that applies."""
        if self.killed or self.killed_here:
            return Ruling("off", "kill_switch")
        if module in self.exempt_modules:
            return Ruling("off", "exempt_module")
        return self.ruling_of_org(org)

    def ruling_of_org(self, org: OrgId) -> Ruling:
        """The same for a module that nothing is said about."""
        if self.killed or self.killed_here:
            return Ruling("off", "kill_switch")
        if org in self.exempt_orgs:
            return Ruling("off", "exempt_org")
        if (forced := self.forced_orgs.get(org)) is not None:
            return Ruling(forced, "forced_org")
        if self.share == EVERYBODY or bucket(org) < self.share:
            return Ruling("enforce", "percentage")
        return Ruling(self.default, "default")

    def here(self, *, killed: bool) -> Self:
        """The same rules under this machine's own switch."""
        return self if killed == self.killed_here else replace(self, killed_here=killed)
