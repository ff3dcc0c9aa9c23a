"""What a command changes later: 'as before' alone would read as if it had done nothing."""

from datetime import datetime
from typing import TYPE_CHECKING

from api.bodies import Body
from domain.effective import effective_map
from domain.instants import iso
from domain.orders import Answer

if TYPE_CHECKING:
    from infra.wiring import Parts

_SHOWN = 3  # submodules, where no module changes


def begins(body: Body) -> datetime | None:
    """When what a body asks for takes effect; None: at once."""
    found: datetime | None = getattr(body, "starts", None) or getattr(body, "at", None)
    return found


async def later(parts: "Parts", answer: Answer, *, at: datetime | None) -> list[str]:
    """The states that hold from `at` on, and where to see them; nothing where that is past."""
    written = answer.changed and answer.plan_token is None
    if at is None or not written or at <= parts.clock.now():
        return []
    org = (await parts.table.get(answer.org)).org
    states = effective_map(org.lanes, parts.shelf.catalog, at)
    keys = [key for key in answer.after if "." not in key] or list(answer.after)[:_SHOWN]
    since = iso(at).replace(".000000Z", "Z")
    told = [f"  {key}, from {since}: {states[key].label}" for key in keys if key in states]
    return [*told, f"What is to come, and how to stop it: entitlements org pending {answer.org}"]
