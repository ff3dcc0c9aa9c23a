"""Decision ids: everything that a decision was made from, so that it can be made again.

```
d1~<org>~<key>~<org_version>~<catalog_version>~<rollout_version>~<instant>~<how>~<checksum>
```

`key` is its place in the catalog of that version, in the catalog's own order, or `x` and the
CRC-32 of a spelling the catalog does not have. `instant` is `2026-01-31T12:00:00.000000Z` without
`-`, `:` and `.`. `how` has five letters: what was judged (`n` the org as it stood, `h` its history
at a chosen instant), the rollout's mode (`o`, `s`, `e`), a super admin's question or not (`s`,
`-`), the permission (`y`, `n`, `-` none asked), the caller's own org or not (`y`, `n`), then the
cell, as a letter from `a`. The checksum is the CRC-32 of what comes before it. Nothing of the
caller is in it, and it proves nothing by itself: a replay does. Never change; a new form is `d2`.
"""

from binascii import crc32
from dataclasses import dataclass
from datetime import UTC, datetime

from domain.decision import CELLS, Verdict, judge
from domain.gating import Mode
from domain.ids import OrgId, org_id
from domain.refusals import InvalidOrgId, Unacceptable

LONGEST = 200  # characters
_FORM = "d1"
_FIELDS = 9
_FIRST_CELL = ord("a")
_MODES: dict[str, Mode] = {"o": "off", "s": "shadow", "e": "enforce"}
_PERMITTED = {"y": True, "n": False, "-": None}


class InvalidDecisionId(Unacceptable):
    """It is not a decision id, or not all of it arrived."""

    code = "invalid_decision_id"
    hint = "Send the whole 'decision_id' of an answer, as it was."

    def __init__(self) -> None:
        super().__init__("This is not the id of a decision.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What a decision id says: the question, the versions it was judged by, and the verdict."""

    org: OrgId
    key: str
    org_version: int
    catalog_version: int
    rollout_version: int
    evaluated_at: datetime
    from_history: bool
    mode: Mode
    super_admin: bool
    permitted: bool | None
    own: bool
    cell: int

    def verdict(self, cell: int | None = None) -> Verdict:
        """The verdict it records, or the one that another cell would have given."""
        of = self.cell if cell is None else cell
        return judge(of, self.mode, self.super_admin, self.permitted, self.own)


def letters(
    *,
    mode: Mode,
    cell: int,
    super_admin: bool = False,
    permitted: bool | None = None,
    own: bool = True,
    from_history: bool = False,
) -> str:
    """How a question is judged, and what the entitlements say: `how`."""
    return (
        ("h" if from_history else "n")
        + mode[0]
        + ("s" if super_admin else "-")
        + ("-" if permitted is None else "y" if permitted else "n")
        + ("y" if own else "n")
        + chr(_FIRST_CELL + cell)
    )


def compact(instant: str) -> str:
    """An instant as it stands in an id, made of what `iso` writes."""
    return instant.replace("-", "").replace(":", "").replace(".", "")


def unknown(raw: str) -> str:
    """What stands in an id for a key that the catalog does not have."""
    return f"x{crc32(raw.lower().encode()):08x}"


def decision_id(
    org: str, place: int | str, org_version: int, versions_and_instant: str, how: str
) -> str:
    """The id of one decision.

    Args:
        place: of the key in the catalog, or what `unknown` makes of it.
        versions_and_instant: catalog, rollout and the compact instant, joined by `~`.
        how: what `letters` gave.
    """
    body = f"{of_org(org)}{place}~{org_version}~{versions_and_instant}~{how}"
    return f"{body}~{crc32(body.encode()):08x}"


def of_org(org: str) -> str:
    """How the ids of decisions about an org begin."""
    return f"{_FORM}~{org}~"


def read_decision_id(text: str) -> Decided:
    """What an id says.

    Raises:
        InvalidDecisionId: it is none, or damaged.
    """
    body, _, checksum = text.rpartition("~")
    fields = text.split("~")
    whole = len(text) <= LONGEST and text.isascii() and len(fields) == _FIELDS
    if not whole or fields[0] != _FORM or checksum != f"{crc32(body.encode()):08x}":
        raise InvalidDecisionId
    try:
        return _read(fields)
    except (ValueError, KeyError, InvalidOrgId) as error:
        raise InvalidDecisionId from error


def _read(fields: list[str]) -> Decided:
    _, org, key, org_version, catalog_version, rollout_version, instant, how, _ = fields
    source, mode, who, permitted, own, cell = list(how)
    if source not in "nh" or who not in "s-" or own not in "yn":
        raise ValueError(how)
    if ord(cell) - _FIRST_CELL not in CELLS:
        raise ValueError(how)
    if not key.startswith("x"):
        _number(key)
    return Decided(
        org=org_id(org),
        key=key,
        org_version=_number(org_version),
        catalog_version=_number(catalog_version),
        rollout_version=_number(rollout_version),
        evaluated_at=datetime.strptime(instant, "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC),
        from_history=source == "h",
        mode=_MODES[mode],
        super_admin=who == "s",
        permitted=_PERMITTED[permitted],
        own=own == "y",
        cell=ord(cell) - _FIRST_CELL,
    )


def _number(text: str) -> int:
    if not text.isdigit():
        raise ValueError(text)
    return int(text)
