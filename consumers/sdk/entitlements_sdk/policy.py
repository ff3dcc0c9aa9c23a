"""What to answer when nobody can tell: 503 by default, or access for keys that can do no harm."""

from collections.abc import Mapping
from typing import Literal

from entitlements_sdk.catalog import module_of

OnUnknown = Literal["unavailable", "allow"]


class UnknownPolicy:
    """By key, by module, by default. There is no "deny": not knowing is never a 403.

    Args:
        policy: one for everything, or some by key or module with `"*"` for the rest.

    Raises:
        ValueError: a policy is neither `unavailable` nor `allow`.
    """

    def __init__(self, policy: OnUnknown | Mapping[str, OnUnknown] = "unavailable") -> None:
        said = {"*": policy} if isinstance(policy, str) else dict(policy)
        for key, each in said.items():
            if each not in ("unavailable", "allow"):
                raise ValueError(
                    f"on_unknown of '{key}' is {each!r}: it is 'unavailable' (503) or 'allow';"
                    " what is not known is never denied"
                )
        self._rest: OnUnknown = said.pop("*", "unavailable")
        self._said = {key.lower(): each for key, each in said.items()}

    @property
    def keys(self) -> list[str]:
        """The keys it names, so that a misspelt one can be told."""
        return list(self._said)

    def of(self, key: str) -> OnUnknown:
        """The policy of one key, which need not be known."""
        found = self._said.get(key.lower())
        return found or self._said.get(module_of(key.lower()), self._rest)
