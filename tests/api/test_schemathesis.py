"""Schemathesis asks whatever a document allows, and what it does not: no answer is a defect."""

from contextlib import suppress
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import response_schema_conformance
from schemathesis.schemas import BaseSchema

from infra.server import application
from infra.tokens import sign_token
from tests.api.calls import REASON
from tests.api.ofrep_contract import DOCUMENT
from tests.live import LiveServer

pytestmark = pytest.mark.one_server
ENDLESS = {"/api/v1/watch", "/ofrep/v1/events"}


def asked(
    schema: BaseSchema, live: LiveServer, *, mode: GenerationMode, examples: int
) -> list[tuple[Case[Any], Any]]:
    """Some cases of every operation, and their answers."""
    answers: list[tuple[Case[Any], Any]] = []
    headers = {"Authorization": f"Bearer {sign_token(live.settings, role='super_admin')}"}
    for found in schema.get_all_operations():
        operation = found.ok()  # type: ignore[union-attr]
        if operation.path in ENDLESS:
            continue

        @seed(4)
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Case[Any]) -> None:
            answers.append((case, case.call(base_url=live.address, headers=headers)))

        with suppress(Unsatisfiable):  # nothing of it could be wrong
            ask()
    return answers


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("whose", ["ours", "OFREP's"])
def test_no_question_is_a_defect(live: LiveServer, whose: str, mode: GenerationMode) -> None:
    """No 5xx, no status that the document lacks, and bodies as it says."""
    body = {"id": 1, "name": "One", "reason": REASON}
    assert live.as_role("super_admin").post("/api/v1/admin/orgs", json=body).is_success
    ours = whose == "ours"
    document = _open(application(live.settings).openapi()) if ours else DOCUMENT
    schema = schemathesis.openapi.from_dict(document)
    answers = asked(schema, live, mode=mode, examples=1 if ours else 20)
    assert len(answers) >= 20
    if mode is GenerationMode.POSITIVE:
        assert any(answer.status_code == 200 for _, answer in answers)
    for case, answer in answers:
        told = f"{case.as_curl_command()}\n{answer.status_code} {answer.text[:500]}"
        assert answer.status_code < 500, told
        assert str(answer.status_code) in case.operation.definition.raw["responses"], told
        case.validate_response(answer, checks=[response_schema_conformance])


def _open(document: dict[str, Any]) -> dict[str, Any]:
    """The document without its tokens: those would be broken first, and all answers be 401."""
    for path in document["paths"].values():
        for operation in path.values():
            operation.pop("security", None)
    return document
