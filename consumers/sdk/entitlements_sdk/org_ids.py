"""Org ids as callers name them: `42` and `"42"` are one org."""

import re

from entitlements_sdk.refusals import InvalidOrgId

_ORG_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}")
_LONGEST_NUMBER = 15  # digits a JSON number carries exactly in every client


def org_id(raw: str | int) -> str:
    """The one spelling of an org id.

    Raises:
        InvalidOrgId: no org can have it; so it never becomes part of a path either.
    """
    text = raw if type(raw) is str else str(raw)
    if not _ORG_ID.fullmatch(text):
        raise InvalidOrgId(text)
    if text.isdigit() and (text != str(int(text)) or len(text) > _LONGEST_NUMBER or text == "0"):
        raise InvalidOrgId(text)
    return text


def org_json(org: str) -> int | str:
    """How an org id stands in JSON: an integer when it is all digits."""
    return int(org) if org.isascii() and org.isdigit() else org
