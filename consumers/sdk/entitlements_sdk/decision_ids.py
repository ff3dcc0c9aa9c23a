"""Decision ids as the ledger makes them, so that `GET /api/v1/decisions/{id}` replays ours.

```
d1~<org>~<key>~<org_version>~<catalog_version>~<rollout_version>~<instant>~<how>~<checksum>
```

`key` is its place in the catalog, or `x` and the CRC-32 of a spelling the catalog does not have.
`how` is what was asked and judged by: `n`, the rollout's mode, super admin or not, permission,
own org or not, and the cell as a letter. Never change; a new form is `d2`.
"""

from binascii import crc32

Asked = tuple[int, str, bool, bool | None, bool]
"""What `judge` was asked: cell, mode, super admin, permitted, own; a plain tuple is quickest."""

_PERMITTED = {None: "-", True: "y", False: "n"}


def decision_id(
    org: str, place: int | str, versions: tuple[int, int, int], evaluated_at: str, asked: Asked
) -> str:
    """The id of one decision.

    Args:
        place: of the key in the catalog, or what `unknown` makes of it.
        versions: of org, catalog and rollout.
        evaluated_at: RFC 3339 in UTC with microseconds.
    """
    org_version, catalog_version, rollout_version = versions
    instant = evaluated_at.replace("-", "").replace(":", "").replace(".", "")
    judged_by = f"{org_version}~{catalog_version}~{rollout_version}~{instant}"
    body = f"d1~{org}~{place}~{judged_by}~{_how(asked)}"
    return f"{body}~{crc32(body.encode()):08x}"


def unknown(raw: str) -> str:
    """What stands in an id for a key that the catalog does not have."""
    return f"x{crc32(raw.lower().encode()):08x}"


def _how(asked: Asked) -> str:
    cell, mode, super_admin, permitted, own = asked
    who = f"{'s' if super_admin else '-'}{_PERMITTED[permitted]}{'y' if own else 'n'}"
    return f"n{mode[0]}{who}{chr(97 + cell)}"
