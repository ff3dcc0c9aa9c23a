"""Guards for FastAPI: as dependencies, as route classes, and what shows where there are none."""

from entitlements_sdk.fastapi.coverage import Coverage, coverage
from entitlements_sdk.fastapi.exemptions import exempt
from entitlements_sdk.fastapi.guards import (
    Guard,
    require_entitlement,
    require_permission_with_entitlement,
)
from entitlements_sdk.fastapi.protection import protect
from entitlements_sdk.fastapi.resolving import bearer_token, caller, chosen_org
from entitlements_sdk.fastapi.routes import guarded_route

__all__ = [
    "Coverage",
    "Guard",
    "bearer_token",
    "caller",
    "chosen_org",
    "coverage",
    "exempt",
    "guarded_route",
    "protect",
    "require_entitlement",
    "require_permission_with_entitlement",
]
