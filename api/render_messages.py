"""Messages to a cohort as lines for a mail tool; who is to be told, and no addresses."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

from api.parts import Rollouts
from api.render_audit import csv_line, safe_cell
from domain.ids import org_json
from domain.messages import Message
from domain.refusals import Unacceptable
from projections.rollout import Member

COLUMNS = ("org_id", "org_name", "cohort", "subject", "body")
AT_ONCE = 1_000


class CohortUnnamed(Unacceptable):
    """A cohort is a percentage or a tag, one of the two."""

    code = "cohort_unnamed"

    def __init__(self) -> None:
        super().__init__("Name the cohort by either 'percent' or 'tag'.")


class Cohort(NamedTuple):
    """Who is told: the orgs within a share of hundredths of a percent, or under a tag."""

    share: int | None
    tag: str | None

    @property
    def name(self) -> str:
        """As it stands in the export."""
        return self.tag if self.tag is not None else f"{(self.share or 0) / 100:g} %"


async def members(rollouts: Rollouts, cohort: Cohort) -> AsyncIterator[Sequence[Member]]:
    """All members, a page at a time."""
    after: str | None = ""
    while after is not None:
        share, tag = cohort
        page = await rollouts.cohort(share=share, tag=tag, after=after, limit=AT_ONCE)
        yield page
        after = page[-1].org if len(page) == AT_ONCE else None


def csv_header() -> str:
    """The first line."""
    return csv_line(COLUMNS)


def csv_lines(page: Sequence[Member], message: Message, cohort: Cohort) -> str:
    """RFC 4180; no cell is a formula to a spreadsheet."""
    rows = (_row(member, message, cohort) for member in page)
    return "".join(csv_line([safe_cell(row[column]) for column in COLUMNS]) for row in rows)


def json_lines(page: Sequence[Member], message: Message, cohort: Cohort) -> str:
    """One JSON object a line."""
    rows = (_row(member, message, cohort) for member in page)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _row(member: Member, message: Message, cohort: Cohort) -> dict[str, Any]:
    return {
        "org_id": org_json(member.org),
        "org_name": member.name,
        "cohort": cohort.name,
        "subject": message.subject,
        "body": message.text,
    }
