"""By what an import is known: who does it, and which one command of an org it is."""

import hashlib
import json
from typing import Any
from uuid import UUID, uuid5

from domain.actors import Actor
from domain.ids import OrgId

ACTOR = Actor(id="legacy-import", type="system")
REASON = "Imported from the legacy flags enabled_modules and route_access."

_IMPORTS = UUID("6d0a7b52-95c4-4c0f-8f0e-1d5c2f9b7e31")  # never rename: command ids derive from it


def command_id(org: OrgId) -> UUID:
    """The one command that imports an org, whenever and from whichever file."""
    return uuid5(_IMPORTS, f"legacy-import:{org}")


def fingerprint(row: dict[str, Any]) -> bytes:
    """The digest of a row: the same whatever the order of its keys, another after any edit."""
    return hashlib.sha256(_sorted(row).encode()).digest()


_sorted = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
