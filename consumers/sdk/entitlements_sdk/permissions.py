"""What somebody may, by name: `crm.create` itself, everything below `crm.*`, or all of it, `*`."""

from collections.abc import Iterable

_EVERYTHING = "*"


class Permissions:
    """A set of permissions with wildcards; `in` says whether one of them covers another."""

    __slots__ = ("_named", "_prefixes")

    def __init__(self, held: Iterable[str] = ()) -> None:
        all_held = frozenset(held)
        self._named = all_held
        self._prefixes = tuple(each[:-1] for each in all_held if each.endswith(".*"))

    def __contains__(self, permission: str) -> bool:
        if permission in self._named and not permission.endswith(".*"):
            return True
        if _EVERYTHING in self._named:
            return True
        return any(
            permission.startswith(prefix) and len(permission) > len(prefix)
            for prefix in self._prefixes
        )


NOTHING = Permissions()
