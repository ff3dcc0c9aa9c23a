"""Ids of batches, and what the rows of an org come to as one command."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from domain.actors import Provenance
from domain.batches import InvalidBatchId, Parts, Work, batch_id, chosen_id, undo_id, undone_id
from domain.bulk_rows import AnyRow, Row, RowRefused, Rows, Unusable, results_of, work_of
from domain.catalog import Catalog
from domain.commands import Command, ExtendTrial, GrantAccess, RevokeAccess
from domain.ids import OrgId
from domain.refusals import UnknownKey
from tests.domain.scenario import Scenario
from tests.domain.world import CRM, HR, SUPER_ADMIN

ACME, OTHER = OrgId("1042"), OrgId("1043")


def row(
    number: int, *commands: Command, org: OrgId = ACME, by: Provenance = SUPER_ADMIN, **content: Any
) -> Row:
    """A row that asks for commands."""
    return Row(
        number=number,
        org=org,
        command="grant",
        asked=lambda catalog: commands,
        by=by,
        content={"key": CRM} | content,
    )


@pytest.mark.parametrize("raw", ["12345678", "a" * 64, "Migration_2026.gold-1"])
def test_a_batch_may_be_called_so(raw: str) -> None:
    assert chosen_id(raw) == batch_id(raw) == raw
    assert undone_id(undo_id(raw)) == raw
    assert batch_id(undo_id(undo_id(raw))) == f"undo-undo-{raw}"
    assert undone_id(raw) is None


@pytest.mark.parametrize(
    "raw",
    ["", "1234567", "a" * 65, "-12345678", "with space", "a/b/c/d/e", "undo-12345678", "ä" * 9],
)
def test_a_batch_may_not_be_called_so(raw: str) -> None:
    with pytest.raises(InvalidBatchId):
        chosen_id(raw)


@pytest.mark.parametrize("raw", ["undo-", "undo-1234567", "undo-" * 20 + "a" * 40])
def test_no_undo_is_called_so(raw: str) -> None:
    with pytest.raises(InvalidBatchId):
        batch_id(raw)


def test_each_row_is_judged_on_what_the_ones_before_it_left(org: Scenario) -> None:
    """Facts and warnings are counted row by row."""
    plan = GrantAccess(key=CRM, source="plan:gold@3")
    rows = Rows([row(1, plan, GrantAccess(key=CRM)), row(2, RevokeAccess(key=CRM)), row(3)])
    org.when(rows)
    assert rows.came_to == [[2, []], [1, ["'crm' is still granted by plan:gold@3."]], [0, []]]


def test_each_row_is_recorded_with_its_own_reason(org: Scenario) -> None:
    """The actor and the batch are those of the whole."""
    other = replace(SUPER_ADMIN, reason="another reason than that", ticket="T-1")
    rows = Rows([row(1, GrantAccess(key=CRM)), row(2, GrantAccess(key=HR), by=other)])
    org.when(rows, by=replace(SUPER_ADMIN, batch_id="a-batch"))
    one, two = org.outcome.facts
    assert (one.reason, one.ticket) == (SUPER_ADMIN.reason, None)
    assert (two.reason, two.ticket) == ("another reason than that", "T-1")
    assert {fact.batch_id for fact in (one, two)} == {"a-batch"}


def test_a_refused_row_is_named(org: Scenario) -> None:
    """Also when it names a key that is not in the catalog in force."""

    def unknown(catalog: Catalog) -> Sequence[Command]:
        raise UnknownKey("crn")

    rows = Rows([row(1, GrantAccess(key=CRM)), row(2, ExtendTrial(key=CRM, by_days=1))])
    org.when(rows).then_refused(RowRefused, "trial_not_running", key=CRM)
    lost = Rows([replace(row(7), asked=unknown)])
    org.when(lost).then_refused(RowRefused, "unknown_key", key="crn")


def test_an_org_with_an_unusable_row_is_no_work() -> None:
    """Its other rows are refused because of it; other orgs are none of its business."""
    bad = Unusable(number=2, org=ACME, command="grant", refusal=UnknownKey("crn"))
    rows: list[AnyRow] = [row(1), bad, row(3, org=OTHER)]
    told = [(result.row, result.code) for result in results_of(rows, [])]

    assert [work.org for work in work_of(rows)] == [OTHER]
    assert told == [(1, "org_refused"), (2, "unknown_key")]


def test_the_same_rows_are_the_same_work_wherever_they_stand() -> None:
    """Another order, another content or another org is other work."""

    def digest(*rows: Row, org: OrgId = ACME) -> bytes:
        return Work(org=org, command=Rows(rows), by=SUPER_ADMIN).fingerprint

    first, second = row(1), row(2, key=HR)
    assert digest(first, second) == digest(row(8), row(9, key=HR))
    others = [digest(second, first), digest(first), digest(first, second, org=OTHER)]
    assert digest(first, second) not in others


def test_every_org_of_a_batch_has_a_command_of_its_own() -> None:
    """So that each is done once, whichever run comes to it."""

    def id_of(batch: str, org: OrgId) -> Any:
        command: Parts = Rows([])
        return Work(org=org, command=command, by=SUPER_ADMIN).command_id(batch)

    assert id_of("a-batch-1", ACME) == id_of("a-batch-1", ACME)
    assert len({id_of(b, o) for b in ("a-batch-1", "a-batch-2") for o in (ACME, OTHER)}) == 4
