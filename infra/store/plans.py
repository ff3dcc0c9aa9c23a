"""Plan tokens: what a preview gave, carried out only while it would come to the same."""

import hashlib
import json

from domain.catalog import Catalog
from domain.decide import Outcome
from domain.orders import Order
from domain.refusals import PlanMismatch, PlanMoved


def plan_token(order: Order, outcome: Outcome, *, version: int, catalog: Catalog) -> str:
    """What a preview read and would do; the same again only while nothing of it has moved."""
    read = [order.org, version, catalog.version, outcome.before, outcome.after]
    return f"{_request_part(order)}.{hashlib.sha256(json.dumps(read).encode()).hexdigest()[:32]}"


def _request_part(order: Order) -> str:
    return hashlib.sha256(order.fingerprint).hexdigest()[:16]


def check_plan(order: Order, token: str) -> None:
    """Compare the token an order carries, if any, with what it comes to now.

    Raises:
        PlanMismatch: the token is of another request.
        PlanMoved: what the preview read has changed since.
    """
    if order.plan_token is None or order.plan_token == token:
        return
    if order.plan_token.partition(".")[0] != _request_part(order):
        raise PlanMismatch
    raise PlanMoved(org=order.org)
