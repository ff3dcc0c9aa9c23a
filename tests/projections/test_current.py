"""The current entitlements of an org are its facts added up: the same bytes, whichever way."""

import json

from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from domain.commands import Command, GrantAccess, SuspendOrg
from domain.commands.base import Context
from domain.decide import Outcome, decide
from domain.facts import (
    AccessBlocked,
    GrantEnded,
    ModuleGranted,
    OrgEvent,
    OrgRegistered,
    TrialStarted,
)
from domain.ids import OrgId, org_stream
from domain.org import Org, rebuild
from infra.store.mapper import fact_body, read_fact
from projections.current import copied, read, written
from tests.domain.histories import Histories
from tests.domain.oracle import Oracle
from tests.domain.scenario import Scenario, fact
from tests.domain.world import CATALOG, CRM, HR, SUPER_ADMIN, day, noon

MANY = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def full() -> Org:
    """An org with something in every part of its state."""
    return (
        Scenario()
        .given(
            fact(ModuleGranted, key=CRM, grant_id="g1", source_ref="Ünïcode / 7"),
            fact(TrialStarted, key=HR, grant_id="t1", ends_at=noon + day),
            fact(AccessBlocked, key=CRM, block_id="b1", ends=noon + day),
            fact(GrantEnded, key=CRM, grant_id="g1", effective_at=noon),
        )
        .org
    )


def test_the_state_is_json_that_anybody_can_read() -> None:
    state = json.loads(written(full()))
    parts = ["name", "decided_at", "grants", "blocks", "used_trials", "ticked", "wake_at"]
    assert list(state) == parts
    assert state["grants"][0] == {
        "id": "g1",
        "key": "crm",
        "kind": "full",
        "source": "admin",
        "source_ref": "Ünïcode / 7",
        "starts": "2026-03-02T08:00:00.000000Z",
        "ends": "2026-03-02T12:00:00.000000Z",
        "ended_by": "revoked",
        "ends_before": [[None, None]],
    }
    assert state["used_trials"] == {
        "hr": {
            "grant_id": "t1",
            "starts": "2026-03-02T08:00:00.000000Z",
            "ends": "2026-03-03T12:00:00.000000Z",
        }
    }


def test_the_order_in_which_keys_were_tried_leaves_no_trace() -> None:
    org = Scenario().given(
        fact(TrialStarted, key=HR, ends_at=noon), fact(TrialStarted, key=CRM, ends_at=noon)
    )
    assert list(json.loads(written(org.org))["used_trials"]) == [CRM, HR]


def test_an_org_is_read_back_as_it_was_written() -> None:
    org = full()
    again = read(org.org_id, version=org.version, state=written(org))
    assert written(again) == written(org)
    assert (again.id, again.version, again.modified_on) == (org.id, org.version, org.modified_on)
    assert (again.lanes, again.used_trials) == (org.lanes, org.used_trials)


def test_an_org_without_facts_is_read_back_too() -> None:
    blank = Org.blank(org_stream(OrgId("7")))
    assert not read(OrgId("7"), version=0, state=written(blank)).registered


def test_a_copy_goes_its_own_way() -> None:
    org = full()
    before, lanes = written(org), org.lanes
    copy = copied(org)
    decide(
        copy,
        [GrantAccess(key=CRM), SuspendOrg()],
        Context(catalog=CATALOG, now=noon + day, by=SUPER_ADMIN),
    )
    assert copy.version > org.version
    assert written(copy) != written(org)
    assert (written(org), org.lanes) == (before, lanes)


class Kept(Histories):
    """The state is a function of the facts, and a decision leaves the state it was made on."""

    def ask(self, command: Command, **terms: object) -> None:
        earlier, before, lanes = self.org, written(self.org), self.org.lanes
        super().ask(command, **terms)  # type: ignore[arg-type]
        assert (written(earlier), earlier.lanes) == (before, lanes)

    def decided(
        self, command: Command, outcome: Outcome, context: Context, *, before: Oracle
    ) -> None:
        assert outcome.changed or self.org.version == len(self.facts)
        assert [fact.originator_version for fact in self.facts] == [*range(1, len(self.facts) + 1)]

    @invariant()
    def the_facts_alone_lead_to_the_same_bytes(self) -> None:
        again = rebuild(Org.blank(self.org.id), self.facts)
        assert written(again) == written(self.org)

    @invariant()
    def the_stored_facts_lead_to_the_same_bytes(self) -> None:
        again = rebuild(Org.blank(self.org.id), map(stored_and_read, self.facts))
        assert written(again) == written(self.org)

    @invariant()
    def the_bytes_lead_on_as_the_facts_do(self) -> None:
        """The state of any version and the facts after it make the state of now."""
        half = len(self.facts) // 2
        org = rebuild(Org.blank(self.org.id), self.facts[:half])
        restored = read(org.org_id, version=org.version, state=written(org))
        assert written(rebuild(restored, self.facts[half:])) == written(self.org)


def stored_and_read(happened: OrgEvent) -> OrgEvent:
    again = read_fact(
        happened.originator_id, happened.originator_version, happened.TOPIC, fact_body(happened)
    )
    assert again == happened
    assert isinstance(again, OrgEvent)
    return again


def test_however_it_came_about_the_same_facts_make_the_same_bytes() -> None:
    run_state_machine_as_test(Kept, settings=MANY)


def test_the_name_of_an_org_stands_as_it_was_given() -> None:
    org = Scenario(registered=False).given(fact(OrgRegistered, name="Ünïcode & Sons")).org
    assert json.loads(written(org))["name"] == "Ünïcode & Sons"
