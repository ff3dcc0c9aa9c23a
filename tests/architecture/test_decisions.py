"""A rule that cannot be checked is a decision record, and those are short."""

import re

from tests.architecture.sources import ROOT


def test_a_decision_record_has_at_most_25_lines() -> None:
    text = (ROOT / "DECISIONS.md").read_text(encoding="utf-8")
    records = re.split(r"^(?=## )", text, flags=re.MULTILINE)[1:]
    assert records
    lengths = {record.splitlines()[0]: len(record.strip().splitlines()) for record in records}
    assert {title: length for title, length in lengths.items() if length > 25} == {}
