"""Reads the product's own source files, so that a rule about code can be a test."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("domain", "projections", "api", "consumers", "infra")

# A distribution of its own, which asks for the time itself and keeps its own rules.
SDK = Path("consumers", "sdk")
SDK_PACKAGE = SDK / "entitlements_sdk"


@dataclass(frozen=True)
class Source:
    """One Python file; `path` is relative to the root of the checkout."""

    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    @property
    def imports(self) -> Iterator[tuple[int, str]]:
        """Each absolute import as (line, dotted name); `from a import b` is `a.b`."""
        for node in ast.walk(self.tree):
            match node:
                case ast.Import(names=names):
                    yield from ((node.lineno, alias.name) for alias in names)
                case ast.ImportFrom(module=str(module), names=names, level=0):
                    yield from ((node.lineno, f"{module}.{alias.name}") for alias in names)

    @property
    def relative_imports(self) -> Iterator[int]:
        """The line of each relative import."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                yield node.lineno

    @property
    def mentions(self) -> Iterator[tuple[int, str]]:
        """Each import and each use of one, as (line, dotted name), whatever its alias."""
        yield from self.imports
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute | ast.Name) and (name := self._dotted(node)):
                yield node.lineno, name

    @cached_property
    def _aliases(self) -> dict[str, str]:
        """What each local name stands for: `import datetime as dt` gives dt = datetime."""
        known = {}
        for node in ast.walk(self.tree):
            match node:
                case ast.Import(names=names):
                    for alias in names:
                        top = alias.name.partition(".")[0]
                        known[alias.asname or top] = alias.name if alias.asname else top
                case ast.ImportFrom(module=str(module), names=names, level=0):
                    for alias in names:
                        known[alias.asname or alias.name] = f"{module}.{alias.name}"
        return known

    def _dotted(self, node: ast.expr) -> str | None:
        match node:
            case ast.Name(id=name):
                return self._aliases.get(name)
            case ast.Attribute(value=value, attr=attr):
                owner = self._dotted(value)
                return f"{owner}.{attr}" if owner else None
        return None


def sources(*rooms: str) -> Iterator[Source]:
    """Every Python file of these top-level packages, the SDK excepted."""
    for room in rooms:
        for file in sorted((ROOT / room).rglob("*.py")):
            path = file.relative_to(ROOT)
            if not path.is_relative_to(SDK):
                yield _source(path)


def sdk_sources() -> Iterator[Source]:
    """Every Python file of the SDK."""
    for file in sorted((ROOT / SDK_PACKAGE).rglob("*.py")):
        yield _source(file.relative_to(ROOT))


@cache  # each is parsed once, however many rules look at it
def _source(path: Path) -> Source:
    return Source(path, (ROOT / path).read_text(encoding="utf-8"))
