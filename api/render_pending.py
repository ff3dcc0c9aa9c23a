"""Changes to come in JSON, the same for HTTP and the command line."""

from typing import Any

from domain.instants import iso
from domain.lanes import Block
from domain.pending import Pending


def pending_change(found: Pending) -> dict[str, Any]:
    """One change: what, when, what it does to which keys, and who scheduled it."""
    change, fact = found.change, found.because.fact
    entry = change.entry
    block = entry if isinstance(entry, Block) else None
    grant = entry if not isinstance(entry, Block) else None
    return {
        "change_id": change.id,
        "at": iso(change.at),
        "kind": change.kind,
        "key": entry.key,
        "scope": block.scope if block else None,
        "category": block.category if block else None,
        "source": grant.source if grant else None,
        "source_ref": grant.source_ref if grant else None,
        "grant_id": grant.id if grant else None,
        "block_id": block.id if block else None,
        "states": {
            key: {"from": before.label, "to": after.label}
            for key, (before, after) in found.states.items()
        },
        "cancellable": change.cancellable,
        "actor": fact.actor,
        "actor_type": fact.actor_type,
        "reason": fact.reason,
        "ticket": fact.ticket,
        "position": found.because.position,
        "recorded_at": iso(found.because.recorded_at),
    }
