"""A client that nobody here wrote reads flags: OpenFeature's SDK with its OFREP provider."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason

from infra.tokens import sign_token
from tests.api.calls import command
from tests.live import LiveServer

pytestmark = pytest.mark.one_server


@pytest.fixture
def client(live: LiveServer) -> Iterator[OpenFeatureClient]:
    """The SDK's client over the live server, as a service."""
    token = sign_token(live.settings, role="service")
    provider = OFREPProvider(
        live.address, headers_factory=lambda: {"Authorization": f"Bearer {token}"}, timeout=30
    )
    api.set_provider(provider)
    yield api.get_client()
    api.clear_providers()
    provider.session.close()


@pytest.mark.parametrize("default", [True, False])
def test_the_client_resolves_what_the_ledger_says(
    client: OpenFeatureClient, staff: httpx.Client, org: int, default: bool
) -> None:
    """Whatever its default is, but for a key that nobody knows."""
    command(staff, org, "grant", key="crm")
    until = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    command(staff, org, "start-trial", key="hr", until=until)
    for context in (EvaluationContext(str(org)), EvaluationContext("ada", {"org_id": org})):
        for key, value, variant, reason in (
            ("crm", True, "enabled", Reason.TARGETING_MATCH),
            ("hr", True, "trial", Reason.TARGETING_MATCH),
            ("manufacturing", False, "disabled", Reason.TARGETING_MATCH),
            ("email", True, "always_on", Reason.STATIC),
        ):
            found = client.get_boolean_details(key, default, context)
            assert (found.value, found.variant, found.reason) == (value, variant, reason), key
            assert found.error_code is None
        unknown = client.get_boolean_details("crn", default, context)
        assert (unknown.value, unknown.error_code) == (default, ErrorCode.FLAG_NOT_FOUND)


def test_the_client_is_told_what_it_did_wrong(client: OpenFeatureClient, org: int) -> None:
    for context, code in (
        (EvaluationContext(), ErrorCode.TARGETING_KEY_MISSING),
        (EvaluationContext("not an org"), ErrorCode.INVALID_CONTEXT),
    ):
        found = client.get_boolean_details("crm", True, context)
        assert (found.value, found.error_code) == (True, code)
        assert found.error_message
    assert client.get_string_details("crm", "", EvaluationContext(str(org))).error_code == (
        ErrorCode.TYPE_MISMATCH
    )
