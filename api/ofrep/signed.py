"""URLs that carry their own proof, for browsers whose event streams send no header.

Time is cut into windows, and a token lasts to the end of the next one. So everybody who asks in
one window is given the same URL, and whoever asks at least once a window always has a good one.
"""

import hmac
from base64 import urlsafe_b64encode
from datetime import UTC, datetime

from api.identity import Unauthenticated
from domain.ids import OrgId, org_id
from domain.refusals import InvalidOrgId

WINDOW_SECONDS = 900


def ends(now: datetime) -> int:
    """When a token that is made now ends, in seconds since 1970."""
    return (int(now.timestamp()) // WINDOW_SECONDS + 2) * WINDOW_SECONDS


def signed(org: OrgId, *, now: datetime, key: bytes) -> str:
    """A token for the events of one org."""
    end = ends(now)
    return f"{org}~{end}~{_signature(org, end, key)}"


def read(token: str, *, now: datetime, key: bytes) -> tuple[OrgId, datetime]:
    """The org of a token and the instant at which it ends.

    Raises:
        Unauthenticated: it is none of ours, or it has ended.
    """
    raw, _, rest = token.partition("~")
    end, _, signature = rest.partition("~")
    if not (end.isascii() and end.isdigit() and len(end) < 12):
        raise Unauthenticated("The URL of this stream was not signed here.")
    expected = _signature(raw, int(end), key)
    if not hmac.compare_digest(signature.encode(), expected.encode()):
        raise Unauthenticated("The URL of this stream was not signed here.")
    if now.timestamp() >= int(end):
        raise Unauthenticated("The URL of this stream has ended; evaluate again to get a new one.")
    try:
        return org_id(raw), datetime.fromtimestamp(int(end), UTC)
    except InvalidOrgId as error:
        raise Unauthenticated("The URL of this stream names no organisation.") from error


def _signature(org: str, end: int, key: bytes) -> str:
    digest = hmac.digest(key, f"{org}~{end}".encode(), "sha256")
    return urlsafe_b64encode(digest).decode().rstrip("=")
