"""Decisions, snapshots and the catalog as programs read them."""

import json
from functools import lru_cache
from typing import Any, NamedTuple

from domain.catalog import Catalog, Key
from domain.decision import Verdict
from domain.decision_ids import compact


class Moment(NamedTuple):
    """What all answers of one request share.

    `versions` has catalog, rollout and the compact instant as a decision id has them; `shared`
    the same as members of the answer.
    """

    versions: str
    shared: str


class Versions(NamedTuple):
    """What all answers share by one catalog and one rollout: a `Moment` up to its instant."""

    versions: str
    shared: str

    @classmethod
    def of(cls, catalog_version: int, rollout_version: int) -> "Versions":
        return cls(
            f"{catalog_version}~{rollout_version}~",
            f'"catalog_version":{catalog_version},"rollout_version":{rollout_version},'
            '"evaluated_at":"',
        )

    def at(self, evaluated_at: str) -> Moment:
        """The moment at an instant that `iso` wrote."""
        return Moment(f"{self.versions}{compact(evaluated_at)}", f'{self.shared}{evaluated_at}"')


def answer(
    verdict: Verdict,
    decision_id: str,
    org_version: int,
    moment: Moment,
    not_after: str | None,
    stale: bool = False,
) -> str:
    """The JSON of one decision; no character in it needs escaping."""
    head, tail = ends(verdict)
    return f"{head}{decision_id}{middle(org_version, moment, not_after, stale)}{tail}"


def middle(org_version: int, moment: Moment, not_after: str | None, stale: bool) -> str:
    """What comes after the id, and is the same for every key of an org."""
    until = "null" if not_after is None else f'"{not_after}"'
    return (
        f'","org_version":{org_version},{moment.shared},'
        f'"not_after":{until},"stale":{"true" if stale else "false"}'
    )


@lru_cache(maxsize=4096)
def ends(verdict: Verdict) -> tuple[str, str]:
    """What comes before the id and at the end, and is the same for every org."""
    said = {field: value for field, value in verdict._asdict().items() if field in _HEAD}
    more = {field: value for field, value in verdict._asdict().items() if field not in _HEAD}
    head = json.dumps(said | {"decision_id": ""}, separators=(",", ":"))
    return head.removesuffix('"}'), "," + json.dumps(more, separators=(",", ":"))[1:]


_HEAD = ("allowed", "status", "denied_by", "code")


def catalog_document(catalog: Catalog) -> dict[str, Any]:
    """What a program needs of the catalog, keys in the catalog's order; spellings in lower case."""
    keys: dict[Key, dict[str, Any]] = {}
    for key in catalog.walk():
        submodule = catalog.submodule(key)
        permission = submodule.permission if submodule is not None else None
        keys[key] = {"kind": catalog.module(key).kind, "permission": permission}
    return {
        "catalog_version": catalog.version,
        "keys": keys,
        "aliases": {spelling: key for spelling, key in catalog.spellings() if spelling not in keys},
        "role_permissions": {role: list(may) for role, may in catalog.role_permissions.items()},
    }
