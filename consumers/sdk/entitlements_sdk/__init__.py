"""Guards a service by what Entitlements Ledger says an organisation may use.

Plain code needs nothing but this package and httpx; guards for FastAPI are in
`entitlements_sdk.fastapi`, tokens in `entitlements_sdk.jwt`.
"""

from entitlements_sdk.bypass import HttpBypass
from entitlements_sdk.client import Entitlements
from entitlements_sdk.decision import Decision
from entitlements_sdk.disk import SignedFile
from entitlements_sdk.fake import FakeEntitlements
from entitlements_sdk.policy import OnUnknown
from entitlements_sdk.ports import BypassRecorder, Follower, Listener
from entitlements_sdk.principal import BypassWish, Principal
from entitlements_sdk.refusals import (
    BypassRefused,
    CannotTell,
    EntitlementsError,
    InvalidOrgId,
    OutOfReach,
    SnapshotRefused,
    Unauthenticated,
    UnknownKeys,
    Unprotected,
)
from entitlements_sdk.sync import SyncEntitlements

__all__ = [
    "BypassRecorder",
    "BypassRefused",
    "BypassWish",
    "CannotTell",
    "Decision",
    "Entitlements",
    "EntitlementsError",
    "FakeEntitlements",
    "Follower",
    "HttpBypass",
    "InvalidOrgId",
    "Listener",
    "OnUnknown",
    "OutOfReach",
    "Principal",
    "SignedFile",
    "SnapshotRefused",
    "SyncEntitlements",
    "Unauthenticated",
    "UnknownKeys",
    "Unprotected",
]
