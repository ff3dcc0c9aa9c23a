"""The product's own sources keep the rules import-linter cannot express."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.architecture.rules import (
    foreign_imports,
    missing_docstring,
    mocks,
    questions_for_the_time,
    reads_of_the_environment,
    relative_imports,
    server_imports,
)
from tests.architecture.sources import ROOMS, Source, sdk_sources, sources

Rule = Callable[[Source], Iterator[str]]

SETTINGS = Path("infra", "settings.py")


def breaches(rule: Rule, among: Iterable[Source]) -> list[str]:
    return [breach for source in among for breach in rule(source)]


def test_only_the_settings_read_the_environment() -> None:
    others = (source for source in sources(*ROOMS) if source.path != SETTINGS)
    assert breaches(reads_of_the_environment, others) == []


def test_only_infra_asks_for_the_time() -> None:
    others = sources("domain", "projections", "api", "consumers")
    assert breaches(questions_for_the_time, others) == []


def test_the_domain_imports_only_the_standard_library_and_eventsourcing_domain() -> None:
    assert breaches(foreign_imports, sources("domain")) == []


def test_the_sdk_imports_only_itself_and_what_its_extras_name() -> None:
    assert breaches(server_imports, sdk_sources()) == []


def test_the_sdk_is_read() -> None:
    assert len([*sdk_sources()]) > 20


def test_the_sdk_reads_no_environment() -> None:
    """Whoever embeds it decides where its settings come from."""
    assert breaches(reads_of_the_environment, sdk_sources()) == []


def test_every_import_is_absolute() -> None:
    assert breaches(relative_imports, [*sources(*ROOMS, "tests"), *sdk_sources()]) == []


def test_nothing_is_mocked() -> None:
    assert breaches(mocks, [*sources(*ROOMS, "tests"), *sdk_sources()]) == []


def test_every_module_says_why_it_exists() -> None:
    assert breaches(missing_docstring, [*sources(*ROOMS, "tests"), *sdk_sources()]) == []


def test_every_room_is_read() -> None:
    """A rule that reads no file would hold for ever."""
    tops = {source.path.parts[0] for source in sources(*ROOMS, "tests")}
    assert tops == {*ROOMS, "tests"}


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (reads_of_the_environment, "import os\nos.environ['HOME']"),
        (reads_of_the_environment, "import os as o\no.environ.get('HOME')"),
        (reads_of_the_environment, "import os.path\nos.getenv('HOME')"),
        (reads_of_the_environment, "from os import environ"),
        (reads_of_the_environment, "from os import getenv as read\nread('HOME')"),
        (reads_of_the_environment, "import click\nclick.option('--port', envvar='PORT')"),
        (questions_for_the_time, "import datetime\ndatetime.datetime.now(datetime.UTC)"),
        (questions_for_the_time, "import datetime as dt\ndt.datetime.utcnow()"),
        (questions_for_the_time, "from datetime import UTC, datetime\ndatetime.now(tz=UTC)"),
        (questions_for_the_time, "from datetime import date as day\nday.today()"),
        (questions_for_the_time, "import time\ntime.time()"),
        (questions_for_the_time, "from time import monotonic"),
        (questions_for_the_time, "import time\nclock = time.monotonic_ns"),
        (questions_for_the_time, "def f():\n    from time import time\n    return time()"),
        (questions_for_the_time, "from eventsourcing.domain import datetime_now_with_tzinfo"),
        (foreign_imports, "import pydantic"),
        (foreign_imports, "from api import errors"),
        (foreign_imports, "import eventsourcing"),
        (foreign_imports, "from eventsourcing.utils import get_topic"),
        (foreign_imports, "from eventsourcing.persistence import Mapper"),
        (foreign_imports, "def f():\n    import fastapi"),
        (server_imports, "import domain.org"),
        (server_imports, "from api import errors"),
        (server_imports, "def f():\n    from infra.settings import Settings"),
        (server_imports, "import psycopg"),
        (server_imports, "import pydantic"),
        (relative_imports, "from . import org"),
        (relative_imports, "from ..domain import org"),
        (mocks, "import unittest.mock"),
        (mocks, "from unittest import mock"),
        (mocks, "from unittest.mock import patch"),
        (mocks, "import pytest_mock"),
        (missing_docstring, "import os"),
        (missing_docstring, ""),
        (missing_docstring, '"""  """'),
    ],
)
def test_a_rule_finds_its_breach(rule: Rule, code: str) -> None:
    assert breaches(rule, [Source(Path("domain", "culprit.py"), code)]) != []


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (reads_of_the_environment, "import os\nos.fsync(3)"),
        (reads_of_the_environment, "def f(environ):\n    return environ['HOME']"),
        (questions_for_the_time, "from datetime import datetime\ndatetime.fromisoformat('x')"),
        (questions_for_the_time, "from datetime import time\ntime.fromisoformat('12:00')"),
        (questions_for_the_time, "def f(clock):\n    return clock.now()"),
        (questions_for_the_time, "import time\ntime.sleep(1)"),
        (foreign_imports, "import dataclasses\nfrom domain.org import Org"),
        (foreign_imports, "from eventsourcing.domain import BaseAggregate"),
        (foreign_imports, "import eventsourcing.domain"),
        (server_imports, "import httpx\nimport json"),
        (server_imports, "from entitlements_sdk.cache import OrgCache"),
        (server_imports, "from fastapi import Depends\nimport jwt"),
        (relative_imports, "from domain import org"),
        (mocks, "import unittest"),
        (missing_docstring, '"""Why this file exists."""'),
    ],
)
def test_a_rule_lets_the_rest_pass(rule: Rule, code: str) -> None:
    assert breaches(rule, [Source(Path("domain", "bystander.py"), code)]) == []
