"""The README's examples: a service that guards all of its routes, and two subscribers."""

import re
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

import entitlements_sdk
from consumers.topics import Topics
from entitlements_sdk import Entitlements
from entitlements_sdk.counters import Counters
from entitlements_sdk.fastapi import coverage
from infra.settings import Settings
from infra.tokens import sign_token
from tests.sdk.ledger import SmallLedger
from tests.sdk.serving import Served
from tests.sdk.topic import gone, made, prefix_of, send, state, subscribing
from tests.sdk.waiting import until

README = Path(entitlements_sdk.__file__).parents[1].joinpath("README.md").read_text("utf-8")
SECRET = "a secret of this test run, long enough for HS256"


@pytest.fixture
def example(served: Served) -> FastAPI:
    """The app of the first example, with the placeholders filled in."""
    code = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)[0]
    code = code.replace("http://127.0.0.1:8000", served.address)
    code = code.replace("<the secret your tokens are signed with>", SECRET)
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - it is our own text
    app: FastAPI = names["app"]
    return app


def test_the_first_example_does_what_the_table_says(
    example: FastAPI, ledger: SmallLedger, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, jwt_secret=SECRET)

    def bearer(*permissions: str) -> dict[str, str]:
        token = sign_token(settings, role="user", org="42", permissions=permissions)
        return {"Authorization": f"Bearer {token}"}

    with TestClient(example) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/leads").status_code == 401
        assert client.get("/leads", headers=bearer()).status_code == 200
        assert client.get("/manufacturing/work-orders", headers=bearer()).status_code == 403
        assert client.post("/leads", headers=bearer()).status_code == 403
        assert client.post("/leads", headers=bearer("crm.create")).status_code == 200
        ledger.failing = 503
        other = {"Authorization": f"Bearer {sign_token(settings, role='user', org='7')}"}
        assert client.get("/leads", headers=other).status_code == 503
    assert {row.standing for row in coverage(example)} == {"guarded", "exempt"}


def kafka_examples(kafka: str, topics: Topics, tmp_path: Path) -> list[dict[str, Any]]:
    """The two subscribers of the README, which have not begun."""
    found = []
    changes = {
        "kafka:9092": kafka,
        "store=": f'prefix="{prefix_of(topics)}", store=',
        "/var/lib/prices": str(tmp_path),
        "/var/lib/billing": str(tmp_path),
        "threading.Thread": "assert threading.Thread  # ",
        "\nSubscriber(": "\nsubscriber = Subscriber(",
        ").run()": ")",
    }
    for example in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL):
        if "Subscriber(" in example:
            code = reduce(lambda text, change: text.replace(*change), changes.items(), example)
            names: dict[str, Any] = {}
            exec(compile(code, "README.md", "exec"), names)  # noqa: S102 - it is our own text
            found.append(names)
    return found


@pytest.mark.one_server
def test_the_subscribers_do_what_is_said_of_them(
    kafka: str, topics: Topics, tmp_path: Path
) -> None:
    """One forgets what it cached, the other keeps its table, across a restart and an epoch."""
    made(kafka, topics)
    cache, table = kafka_examples(kafka, topics, tmp_path)
    database, lists = table["database"], cache["price_lists"]

    def rows() -> list[Any]:
        return list(database.execute("SELECT org, allowed, version FROM may_invoice ORDER BY org"))

    lists |= {"1": ["cheap"], "2": ["dear"]}
    with subscribing(cache["subscriber"]), subscribing(table["subscriber"]):
        send(kafka, [state(topics, "1", 1), state(topics, "1", 2, crm="disabled")])
        until(lambda: rows() == [("1", 0, 2)], "the row")
        until(lambda: lists == {"2": ["dear"]}, "the cache")
    _, table = kafka_examples(kafka, topics, tmp_path)
    with subscribing(table["subscriber"]) as again:
        send(kafka, [state(topics, "1", 1), state(topics, "2", 1)])
        until(lambda: rows() == [("1", 0, 2), ("2", 1, 1)], "the second row")
        send(kafka, [state(topics, "1", 1, epoch=2), gone(topics, "2", epoch=2)])
        send(kafka, [state(topics, "3", 1, epoch=2)])
        until(lambda: rows() == [("1", 1, 1), ("3", 1, 1)], "the new epoch")
    assert again.dropped == 1
    for each in (database, table["database"]):
        each.close()


def test_every_counter_is_in_the_readme() -> None:
    for name in Counters().metrics(discarded=0):
        assert f"`{name}`" in README


def test_every_public_name_of_the_client_is_documented() -> None:
    """A parameter that the docstring does not name might as well not be there."""
    documented = Entitlements.__doc__ or ""
    parameters = [name for name in Entitlements.__init__.__annotations__ if name != "return"]
    assert [name for name in parameters if f"{name}:" not in documented] == []
