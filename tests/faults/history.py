"""What clients were told, held against what is in the log."""

import json
from collections import Counter
from collections.abc import Sequence

from domain.ids import org_stream
from domain.orders import Answer
from tests.infra.store.world import Row


def breaches(answers: Sequence[Answer], rows: Sequence[Row]) -> list[str]:
    """What must not be: something acknowledged that is lost, a gap, an order that acted twice.

    Orders are told apart by the reference of the one grant that each of them makes.
    """
    found = [
        f"position {row.position} stands at {place}"
        for place, row in enumerate(rows, start=1)
        if row.position != place
    ]
    versions: Counter[str] = Counter()
    references: Counter[str] = Counter()
    for row in rows:
        versions[row.stream] += 1
        if row.version != versions[row.stream]:
            found.append(f"{row.stream} has version {row.version} at {versions[row.stream]}")
        reference = json.loads(row.state).get("source_ref")
        if reference is not None:
            references[reference] += 1
    found += [f"{ref} acted {times} times" for ref, times in references.items() if times > 1]
    places = {str(row.event_id): row for row in rows}
    for answer in answers:
        last = None
        for event_id in answer.event_ids:
            last = places.get(event_id)
            if last is None or last.stream != org_stream(answer.org):
                found.append(f"{answer.org} lost an event of version {answer.org_version}")
        if last is not None and last.version != answer.org_version:
            found.append(f"{answer.org} was told {answer.org_version} and is at {last.version}")
    return found
