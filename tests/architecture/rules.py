"""The rules import-linter cannot express, each a function from a source to what breaks it."""

import ast
import sys
from collections.abc import Iterator

from tests.architecture.sources import Source

ENVIRONMENT = {"os.environ", "os.environb", "os.getenv", "os.getenvb"}

CLOCKS = {
    "datetime.date.today",
    "datetime.datetime.now",
    "datetime.datetime.today",
    "datetime.datetime.utcnow",
    "eventsourcing.domain.datetime_now_with_tzinfo",
    "time.clock_gettime",
    "time.clock_gettime_ns",
    "time.ctime",
    "time.gmtime",
    "time.localtime",
    "time.monotonic",
    "time.monotonic_ns",
    "time.perf_counter",
    "time.perf_counter_ns",
    "time.process_time",
    "time.process_time_ns",
    "time.time",
    "time.time_ns",
}

MOCKS = ("unittest.mock", "mock", "pytest_mock")


def reads_of_the_environment(source: Source) -> Iterator[str]:
    """`os.environ` and its kin, and options of the command line that fall back to a variable."""
    for line, name in source.mentions:
        if name in ENVIRONMENT:
            yield f"{source.path}:{line} {name}"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.keyword) and node.arg in {"envvar", "auto_envvar_prefix"}:
            yield f"{source.path}:{node.lineno} {node.arg}="


def questions_for_the_time(source: Source) -> Iterator[str]:
    """A clock that is called, imported by name or handed on uncalled."""
    for line, name in source.mentions:
        if name in CLOCKS:
            yield f"{source.path}:{line} {name}"


def foreign_imports(source: Source) -> Iterator[str]:
    """Imports of anything but the standard library, `eventsourcing.domain` and the domain."""
    for line, name in source.imports:
        if name.partition(".")[0] in sys.stdlib_module_names:
            continue
        if not is_within(name, "domain", "eventsourcing.domain"):
            yield f"{source.path}:{line} {name}"


SDK_MAY_IMPORT = (
    "entitlements_sdk",
    "httpx",
    # Each only in the module of its extra, says import-linter.
    "fastapi",
    "google_crc32c",
    "jwt",
    "kafka",
    "prometheus_client",
    "starlette",
)


def server_imports(source: Source) -> Iterator[str]:
    """Imports of anything that the SDK does not bring along."""
    for line, name in source.imports:
        if name.partition(".")[0] in sys.stdlib_module_names:
            continue
        if not is_within(name, *SDK_MAY_IMPORT):
            yield f"{source.path}:{line} {name}"


def relative_imports(source: Source) -> Iterator[str]:
    for line in source.relative_imports:
        yield f"{source.path}:{line}"


def mocks(source: Source) -> Iterator[str]:
    for line, name in source.imports:
        if is_within(name, *MOCKS):
            yield f"{source.path}:{line} {name}"


def missing_docstring(source: Source) -> Iterator[str]:
    if not (ast.get_docstring(source.tree) or "").strip():
        yield str(source.path)


def is_within(name: str, *packages: str) -> bool:
    """Whether the dotted `name` is one of the packages or lies inside one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)
