"""Readiness as super admins read it."""

from typing import Any

from api.render_rollout import percent
from domain.evidence import MOST_LATENCY, MOST_UNEXPECTED
from domain.ids import org_json
from domain.instants import iso
from projections.readiness import NewlyDenied, Readiness


def readiness_page(found: Readiness) -> dict[str, Any]:
    """What speaks for and against, and who would be denied what."""
    present, baseline = found.evidence.present, found.evidence.baseline
    return {
        "percent": percent(found.share),
        "present_percent": percent(found.present),
        "ready": not found.problems,
        "problems": found.problems,
        "checks": present.checks,
        "unexpected_denials": present.unexpected,
        "unexpected_rate": present.rate,
        "most_unexpected_rate": MOST_UNEXPECTED,
        "latency": {
            "seconds": present.latency,
            "baseline_seconds": baseline.latency,
            "ratio": found.evidence.slower,
            "most_ratio": MOST_LATENCY,
        },
        "newly_denied": [_org(entry) for entry in found.orgs],
        "next": found.next,
    }


def _org(entry: NewlyDenied) -> dict[str, Any]:
    return {
        "org_id": org_json(entry.org),
        "name": entry.name,
        "keys": [
            {
                "key": used.key,
                "denied_by": used.denied_by,
                "legacy": used.legacy,
                "uses": used.uses,
                "last_use": iso(used.last_use),
            }
            for used in entry.keys
        ],
    }
