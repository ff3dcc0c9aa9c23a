"""View rows are written piece by piece for speed; the bytes are those of the plain way."""

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, run_state_machine_as_test

from domain.catalog import Key
from domain.ids import OrgId, org_stream
from domain.lanes import Block, Grant, UsedTrial
from domain.org import NEVER, Org
from projections import current, legacy
from tests.domain.histories import Histories
from tests.domain.world import noon

RARE = ("ends_before", "cancelled_end")  # written only where there is something to write
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
instants = st.datetimes(timezones=st.just(UTC))


def plain_iso(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def plain_row(entry: Any) -> dict[str, Any]:
    row: dict[str, Any] = entry._asdict()
    common = {name: value for name, value in row.items() if name not in RARE}
    return common | {name: row[name] for name in RARE if row.get(name)}


def plain_current(org: Org) -> bytes:
    state = {
        "name": org.name,
        "decided_at": org.modified_on,
        "grants": [plain_row(grant) for grant in org.grants.values()],
        "blocks": [plain_row(block) for block in org.blocks.values()],
        "used_trials": {key: plain_row(used) for key, used in sorted(org.used_trials.items())},
        "ticked": org.ticked,
        "wake_at": org.wake_at,
    }
    plain = json.dumps(state, separators=(",", ":"), ensure_ascii=False, default=plain_iso)
    return plain.encode()


def plain_legacy(org: Org) -> str:
    """Every stretch between two edges asked one by one, whatever stands there."""
    row = {}
    for key in sorted({grant.key for grant in org.grants.values() if "." not in grant.key}):
        grants = [g for g in org.grants.values() if g.key == key]
        blocks = [
            b for b in org.blocks.values()
            if b.scope == "org" or (b.scope == "module" and b.key == key)
        ]  # fmt: skip
        lanes: list[Grant | Block] = [*grants, *blocks]
        edges = sorted({i for entry in lanes for i in (entry.starts, entry.ends) if i is not None})
        spans: list[list[datetime | None]] = []
        for at, until in zip(edges, [*edges[1:], None], strict=True):
            if any(g.active(at) for g in grants) and not any(b.active(at) for b in blocks):
                if spans and spans[-1][1] == at:
                    spans[-1][1] = until
                else:
                    spans.append([at, until])
        if spans:
            row[key.upper()] = [[plain_iso(i) if i else None for i in span] for span in spans]
    return json.dumps(row, separators=(",", ":"))


class Written(Histories):
    """Whatever happened to an org, both rows are what the plain way makes of it."""

    @invariant()
    def the_rows_are_the_plain_ones(self) -> None:
        assert current.written(self.org) == plain_current(self.org)
        assert legacy.written(self.org) == plain_legacy(self.org)

    @invariant()
    def nothing_that_is_written_holds_the_org(self) -> None:
        state = current.written(self.org)
        again = current.read(self.org.org_id, version=self.org.version, state=state)
        assert again.held_by is None
        assert current.written(again) == state


def test_whatever_happens_the_rows_have_the_bytes_of_the_plain_way() -> None:
    run_state_machine_as_test(
        Written,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


@settings(max_examples=150, deadline=None, database=None)
@given(name=texts, key=texts, source=texts, ref=st.none() | texts, at=instants, ends=instants)
def test_any_text_and_any_instant_have_the_bytes_of_the_plain_way(
    name: str, key: str, source: str, ref: str | None, at: datetime, ends: datetime
) -> None:
    org = Org.blank(org_stream(OrgId("7")))
    named = Key(key)
    grant = Grant(
        id=source, key=named, kind="full", source=source, source_ref=ref, starts=at, ends=ends
    )
    block = Block(
        id=name, scope="module", key=Key(name), category="abuse", starts=ends, ends=None
    )  # fmt: skip
    trial = UsedTrial(grant_id=key, starts=at, ends=ends)
    org.restore(
        name=name,
        grants={grant.id: grant},
        blocks={block.id: block},
        used_trials={named: trial, Key("crm"): trial},
        ticked=at,
        quiet_until=NEVER,
    )  # fmt: skip
    org.modified_on = noon
    assert current.written(org) == plain_current(org)
    assert legacy.written(org) == plain_legacy(org)
