"""The ledger's catalog, as far as a guard needs it: which keys there are, and of what kind."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from entitlements_sdk.permissions import NOTHING, Permissions
from entitlements_sdk.refusals import UnknownKeys


def joined(module: str, submodule: str | None = None) -> str:
    """`crm` and `lead_management` make `crm.lead_management`."""
    return module if submodule is None else f"{module}.{submodule}"


def module_of(key: str) -> str:
    """The module a key is or belongs to."""
    return key.partition(".")[0]


class Catalog:
    """One version of the catalog. Lookups ignore case and know the aliases.

    Args:
        document: as `GET /api/v1/catalog` answers it, which `document` keeps.

    Raises:
        ValueError, KeyError, TypeError: it is not such a document.
    """

    def __init__(self, document: Mapping[str, Any], *, etag: str | None = None) -> None:
        self.document = document
        self.etag = etag
        self.version = int(document["catalog_version"])
        keys: Mapping[str, Mapping[str, Any]] = document["keys"]
        self.exempt = frozenset(key for key, entry in keys.items() if entry["kind"] != "billable")
        self.places = {key: place for place, key in enumerate(keys)}
        self.spellings = {key.lower(): key for key in keys}
        aliases: Mapping[str, str] = document.get("aliases") or {}
        self.spellings |= {alias.lower(): key for alias, key in aliases.items() if key in keys}
        roles: Mapping[str, Iterable[str]] = document.get("role_permissions") or {}
        self._roles = {role: Permissions(may) for role, may in roles.items()}

    def resolve(self, raw: str) -> str | None:
        """The key that `raw` spells, None where there is none."""
        return self.spellings.get(raw) or self.spellings.get(raw.lower())

    def role_may(self, role: str) -> Permissions:
        """What a role may by itself."""
        return self._roles.get(role, NOTHING)

    def require(self, asked: Mapping[str, Iterable[str]]) -> None:
        """Go on only when every key is known.

        Args:
            asked: each key with the places that ask for it.

        Raises:
            UnknownKeys: names every other one, where it is asked for, and what is spelt nearly so.
        """
        unknown = {key: list(at) for key, at in asked.items() if self.resolve(key) is None}
        if unknown:
            nearest = {
                key: get_close_matches(key.lower(), self.spellings, n=2, cutoff=0.65)
                for key in unknown
            }
            raise UnknownKeys(unknown, nearest=nearest)
