"""What was asked before: repeats are answered whatever catalog and org have become."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.bodies import ApplyBundleBody, GrantBody
from domain.commands import BlockAccess, ConvertTrial, StartTrial, UnblockAccess
from domain.ids import OrgId
from domain.orders import Answer
from domain.refusals import Refusal, UnknownBlock, UnknownKey
from infra.catalog import default_document
from infra.database import Database
from infra.settings import Settings
from infra.wiring import Parts, running
from projections.current import copied
from tests.infra.store.orders import CRM, ROOT, order, registration

pytestmark = [pytest.mark.anyio, pytest.mark.one_server]

ORG = OrgId("1042")
ABUSE = BlockAccess(scope="module", key=CRM, category="abuse")


@pytest.fixture
async def other(settings: Settings, database: Database, parts: Parts) -> AsyncIterator[Parts]:
    """Another process over the database of `parts`."""
    async with running(settings, database) as other:
        yield other


def without(module: str) -> dict[str, Any]:
    """The shipped catalog, without a module and the bundles it is in."""
    document = default_document()
    modules = [m for m in document["modules"] if m["key"] != module]
    bundles = [b for b in document["bundles"] if module not in b["modules"]]
    return document | {"modules": modules, "bundles": bundles}


async def block(parts: Parts) -> str:
    """Block CRM, and tell by which id."""
    await parts.ledger.execute(order(ORG, ABUSE))
    (raised,) = (await parts.table.get(ORG)).org.blocks
    return raised


async def unblocked(parts: Parts, block_id: str, **more: Any) -> Answer:
    return await parts.ledger.execute(order(ORG, UnblockAccess(block_id=block_id), **more))


async def test_case_18_a_repeat_is_answered_although_its_key_has_left_the_catalog(
    parts: Parts,
) -> None:
    """Case 18: the answer that was kept, not a refusal by a catalog of later."""
    await parts.ledger.execute(registration(ORG))
    grant = GrantBody(key="exhibition", reason=ROOT.reason)
    once = replace(order(ORG), commands=grant.commands, command_id=uuid4(), fingerprint=b"g")
    first = await parts.ledger.execute(once)
    await parts.ledger.publish_catalog(without("exhibition"), by=ROOT, force=True)

    assert await parts.ledger.execute(once) == first
    with pytest.raises(UnknownKey):
        await parts.ledger.execute(replace(once, command_id=uuid4()))


async def test_keys_are_resolved_by_the_catalog_that_decides(parts: Parts) -> None:
    """An order that waited for its turn meets the catalog of then."""
    await parts.ledger.execute(registration(ORG))
    body = ApplyBundleBody(bundle="CRM_suite", reason=ROOT.reason)
    resolved_by: list[int] = []

    def commands(catalog: Any) -> Any:
        resolved_by.append(catalog.version)
        return body.commands(catalog)

    asked = replace(order(ORG), commands=commands)
    await parts.ledger.publish_catalog(
        default_document() | {"longest_trial_days": 33}, by=ROOT
    )  # fmt: skip
    await parts.ledger.execute(asked)

    assert resolved_by == [2]


async def test_a_block_that_was_lifted_before_is_no_change(parts: Parts) -> None:
    """Whether it is the last of its slot or one that others followed."""
    await parts.ledger.execute(registration(ORG))
    first = await block(parts)
    await unblocked(parts, first)
    second = await block(parts)
    await unblocked(parts, second)

    answers = [await unblocked(parts, lifted) for lifted in (first, second, second)]

    assert [(answer.changed, answer.org_version) for answer in answers] == [(False, 5)] * 3
    assert (await unblocked(parts, second, dry_run=True)).changed is False


async def test_a_block_that_never_stood_in_this_org_is_unknown(parts: Parts) -> None:
    """Nor does one of another org help."""
    await parts.ledger.execute(registration(ORG))
    await parts.ledger.execute(registration("7"))
    lifted = await block(parts)
    await unblocked(parts, lifted)

    with pytest.raises(UnknownBlock):
        await unblocked(parts, "b9")
    with pytest.raises(UnknownBlock):
        await parts.ledger.execute(order("7", UnblockAccess(block_id=lifted)))


async def test_a_block_that_this_process_has_not_heard_of_is_lifted_all_the_same(
    parts: Parts, other: Parts
) -> None:
    """It stands, so 'no change' would be a lie."""
    await parts.ledger.execute(registration(ORG))
    before = copied((await other.table.get(ORG)).org)
    raised = await block(parts)
    other.table.clear()
    other.table.put(before)  # as if the news had not come yet

    answer = await unblocked(other, raised)

    assert (answer.changed, answer.org_version) == (True, 3)


async def test_a_repeat_that_is_refused_for_its_own_work_is_answered(parts: Parts) -> None:
    """Another process carried it out just after this one had looked for it."""
    trial = StartTrial(key=CRM, until=parts.clock.now() + timedelta(days=9))
    await parts.ledger.execute(registration("1", trial))
    asked = order("1", ConvertTrial(key=CRM), command_id=uuid4(), fingerprint=b"f")
    first = await parts.ledger.execute(asked)

    again = await parts.ledger.execute(replace(asked, presume_new=True))

    assert (again.event_ids, again.org_version) == (first.event_ids, first.org_version)
    with pytest.raises(Refusal):
        await parts.ledger.execute(replace(asked, command_id=uuid4()))


async def test_who_brings_in_an_org_as_new_keeps_none_of_it(parts: Parts) -> None:
    """An import of thousands needs memory for those under way; a read gets what was written."""
    await parts.ledger.execute(replace(registration(ORG), presume_new=True))

    assert parts.table.held(ORG) is None
    assert (await parts.table.get(ORG)).version == 1
