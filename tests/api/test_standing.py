"""All orgs of one request are judged at one instant, however long it takes to read them."""

import json
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from api.checking import Known
from api.parts import ApiParts
from api.standing import present
from api.tokens import Principal
from domain.facts import ModuleGranted, OrgRegistered, TrialStarted
from domain.ids import OrgId
from domain.instants import iso
from domain.org import Org
from domain.refusals import Unavailable
from tests.domain.scenario import fact
from tests.domain.world import CRM, day, noon, us
from tests.projections.fakes import ACME, AJAX
from tests.projections.test_rows import Kept, org_of

pytestmark = pytest.mark.anyio

soon = noon + day
WHO = Principal(sub="s", role="service", org=None)


class Slowly(Kept):
    """Reading one of the orgs takes until a trial of the other has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.at = soon - us
        self.orgs[ACME] = org_of(fact(OrgRegistered), fact(TrialStarted, key=CRM, ends_at=soon))
        self.orgs[AJAX] = org_of(fact(OrgRegistered), fact(ModuleGranted, key=CRM), org_id=AJAX)

    def now(self) -> datetime:
        return self.at

    async def fetch(self, org_id: OrgId) -> Org | None:
        if org_id == AJAX:
            self.at = soon
        return await super().fetch(org_id)

    @property
    def parts(self) -> ApiParts:
        return cast("ApiParts", SimpleNamespace(rows=self.rows, clock=self, decided=None))


async def answers(world: Slowly, *orgs: OrgId) -> list[dict[str, Any]]:
    asking, found = await present(world.parts, orgs, about=WHO, permission=None)
    told = []
    for org in orgs:
        known = found[org]
        assert isinstance(known, Known)
        told.append(json.loads(asking.of(org, known, [CRM])[0]))
    return told


async def test_what_crosses_a_boundary_meanwhile_is_read_again() -> None:
    """Case 16: not one org as before the trial's end and another as after it."""
    first, second = await answers(Slowly(), ACME, AJAX)
    assert first["evaluated_at"] == second["evaluated_at"] == iso(soon)
    assert first["denied_by"] == "trial_expired"
    assert second["allowed"] is True


async def test_before_the_boundary_nothing_is_read_twice() -> None:
    world = Slowly()
    [answer] = await answers(world, ACME)
    assert (answer["status"], answer["evaluated_at"]) == ("trial", iso(soon - us))
    assert (answer["not_after"], world.ledger.reads) == (iso(soon), 1)


async def test_an_instant_that_cannot_be_caught_is_unavailable() -> None:
    """Rather than an answer that holds for no instant at all."""
    world = Slowly()
    world.rows.not_after = lambda org: noon  # type: ignore[method-assign]  # it is always over
    with pytest.raises(Unavailable):
        await present(world.parts, [ACME], about=WHO, permission=None)
