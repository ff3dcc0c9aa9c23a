"""How decisions turned out, counted as they are made: a place in a list each, and no more.

Denials are also seen by org and key, for the rollout to be judged by: those that were enforced, and
those that shadow mode let pass.
"""

from collections.abc import Sequence
from datetime import datetime

from domain.catalog import Catalog, Key
from domain.decision import DISABLED_BY, Verdict
from domain.ids import OrgId
from projections.tallies import Tallies, Values
from projections.watched import Denial, Sight

_REASONS = len(DISABLED_BY)
ALLOWED = 0  # then a place for each reason of a denial
PERMISSION = _REASONS + 1  # then one for each reason of a denial that shadow mode let pass
UNGATED = 2 * _REASONS + 2
_UNKNOWN_KEY = DISABLED_BY.index("unknown_key") + 1
_UNSEEN = frozenset((ALLOWED, PERMISSION, UNGATED, _UNKNOWN_KEY))


def kind_of(verdict: Verdict) -> int:
    """The place at which a verdict is counted."""
    if verdict.code == "entitlement_denied":
        return DISABLED_BY.index(str(verdict.denied_by)) + 1
    if not verdict.allowed:
        return PERMISSION
    if verdict.would_deny is not None:
        return PERMISSION + 1 + DISABLED_BY.index(verdict.would_deny)
    return UNGATED if verdict.code == "gating_off" else ALLOWED


class Decided:
    """The decisions of one process about the present, `kinds` by `kind_of`.

    What lists every key, as a bulk of flags does, is not counted: nobody wants to use them all.
    """

    def __init__(self, tallies: Tallies, *, sight: Sight) -> None:
        self.kinds = [0] * (UNGATED + 1)
        self.stale = 0
        self._sight = sight
        tallies.read("entitlement_checks_total", "Decisions made.", lambda: {(): sum(self.kinds)})
        tallies.read(
            "entitlement_denied_total",
            "Decisions that the entitlements denied.",
            self._denied,
            labels=("reason",),
        )
        tallies.read(
            "permission_denied_total",
            "Decisions that the permission or the organisation denied.",
            lambda: {(): self.kinds[PERMISSION]},
        )
        tallies.read(
            "stale_served_total", "Decisions from last known good.", lambda: {(): self.stale}
        )

    def add(self, kinds: Sequence[int], *, stale: bool) -> bool:
        """These decisions were made, about one org; whether any of them is one to be seen."""
        for kind in set(kinds):
            self.kinds[kind] += kinds.count(kind)
        if stale:
            self.stale += len(kinds)
        return any(kinds)

    def watch(self, kinds: Sequence[int], *, version: int) -> None:
        """Of them, those that were gated or watched are what denials are measured against."""
        self._sight.checked(len(kinds) - kinds.count(UNGATED), version=version)

    def see(
        self,
        org: OrgId,
        keys: Sequence[str],
        kinds: Sequence[int],
        *,
        catalog: Catalog,
        version: int,
        at: datetime,
    ) -> None:
        """See the denials among them, and what would have been denied, each under its key."""
        quick = self._sight.quick(org, version=version)
        for name in zip(keys, kinds, strict=True):
            seen = quick.get(name)
            if seen is not None:
                seen.uses += 1
                seen.last_use = at
            elif name[1] not in _UNSEEN:
                key = catalog.resolve(name[0])
                seen = self._sight.denied(_denial(version, org, key, name[1]), at)
                if seen is not None and key == name[0]:  # of other spellings there are too many
                    quick[name] = seen

    def _denied(self) -> dict[Values, float]:
        return {(reason,): self.kinds[place] for place, reason in enumerate(DISABLED_BY, start=1)}


def _denial(version: int, org: OrgId, key: Key, kind: int) -> Denial:
    enforced = kind < PERMISSION
    reason = DISABLED_BY[kind - 1 if enforced else kind - PERMISSION - 1]
    return Denial(version, org, key, reason, enforced)
