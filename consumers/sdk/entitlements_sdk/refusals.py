"""What the SDK may raise. Checks raise none of it: they answer.

EntitlementsError
├── UnknownKeys       guarded keys that the catalog does not have; the process must not start
├── InvalidOrgId      no organisation can have such an id
├── Unprotected       the guards of an app were asked before `protect(app, ...)`
├── Unauthenticated   a resolver says: no valid credentials; guards answer 401
├── CannotTell        a resolver says: not to be found out at the moment; guards answer 503
├── BypassRefused     the ledger does not let this be bypassed; the denial stands
├── OutOfReach        the ledger could not be asked; checks answer by policy instead
└── SnapshotRefused   the file of a cold start is tampered with, too old or not ours
"""

from collections.abc import Mapping, Sequence


class EntitlementsError(Exception):
    """Everything this package raises."""


class UnknownKeys(EntitlementsError):
    """Guards ask for keys that the catalog does not have.

    Attributes:
        found: each unknown key with where it is asked for.
        nearest: for each of them the keys that are spelt nearly so.
    """

    def __init__(
        self, found: Mapping[str, Sequence[str]], *, nearest: Mapping[str, Sequence[str]]
    ) -> None:
        self.found = found
        self.nearest = nearest
        lines = [self._line(key) for key in found]
        super().__init__("The catalog does not have every guarded key:\n" + "\n".join(lines))

    def _line(self, key: str) -> str:
        near = " or ".join(f"'{each}'" for each in self.nearest.get(key, ()))
        hint = f"; did you mean {near}?" if near else ""
        return f"  '{key}' in {', '.join(self.found[key]) or 'code'}{hint}"


class InvalidOrgId(EntitlementsError):
    """An org id has up to 64 letters, digits, `_`, `.` and `-`; all digits: a positive integer."""

    def __init__(self, raw: str) -> None:
        super().__init__(f"{raw[:80]!r} is not an org id")
        self.raw = raw


class Unprotected(EntitlementsError):
    """A guard was asked in an app that `protect` was never called with."""


class Unauthenticated(EntitlementsError):
    """There are no valid credentials; the message says what to do about it."""


class CannotTell(EntitlementsError):
    """Whether the credentials are valid cannot be found out at the moment."""


class OutOfReach(EntitlementsError):
    """The ledger could not be asked, or did not answer what it should.

    Attributes:
        everywhere: whether asking about another org is as hopeless.
        retry_after: in how many seconds asking again makes sense.
    """

    def __init__(self, why: str, *, everywhere: bool = True, retry_after: float = 1.0) -> None:
        super().__init__(why)
        self.everywhere = everywhere
        self.retry_after = retry_after


class BypassRefused(EntitlementsError):
    """The ledger does not let this be bypassed: it says why, and has recorded it where it must."""


class SnapshotRefused(EntitlementsError):
    """The file is not what this deployment wrote, or is too old to go by."""
