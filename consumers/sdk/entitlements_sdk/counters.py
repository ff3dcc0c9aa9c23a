"""Plain counters under the names that dashboards know; never one per org or user."""


class Counters:
    """Counts of one client. `+= 1` on a slot is one step of CPython, so threads may share it."""

    __slots__ = (
        "bypasses",
        "checks",
        "denied",
        "hits",
        "misses",
        "permission_denied",
        "stale",
        "unavailable",
        "would_deny",
    )

    def __init__(self) -> None:
        self.checks = 0
        self.denied = 0
        self.permission_denied = 0
        self.bypasses = 0
        self.hits = 0
        self.misses = 0
        self.stale = 0
        self.unavailable = 0
        self.would_deny = 0

    def metrics(self, *, discarded: int) -> dict[str, float]:
        """Every metric by its name; `entitlement_cache_hit_rate` is 0 to 1."""
        looked_up = self.hits + self.misses
        return {
            "entitlement_checks_total": self.checks,
            "entitlement_denied_total": self.denied,
            "permission_denied_total": self.permission_denied,
            "super_admin_bypass_total": self.bypasses,
            "entitlement_cache_hit_rate": self.hits / looked_up if looked_up else 0.0,
            "cache_refill_discarded_total": discarded,
            "stale_served_total": self.stale,
            "entitlement_unavailable_total": self.unavailable,
            "would_deny_total": self.would_deny,
        }
