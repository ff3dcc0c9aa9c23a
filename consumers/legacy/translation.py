"""From one legacy row to the commands that say the same, or to everything that keeps it back."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from consumers.legacy.fields import Fields, read_id, read_instant, read_name
from consumers.legacy.flags import Flags, Resolve, read_flags, remembered
from consumers.legacy.lines import Repeating
from consumers.legacy.mapping import Routes, UnknownFlag
from consumers.legacy.results import Difference
from domain.catalog import Catalog, Key
from domain.commands import BlockAccess, Command, GrantAccess, RegisterOrg
from domain.ids import OrgId

SOURCE = "legacy"
MODULES = "enabled_modules"
ROUTES = "route_access"


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """What one row says: `commands` for all of it, or `differences` and no command at all.

    `unset` is how many flags were null or empty and were read as never set.
    """

    org: OrgId | None
    name: str | None
    commands: tuple[Command, ...]
    differences: tuple[Difference, ...]
    unset: int


@dataclass(frozen=True, kw_only=True)
class Translator:
    """Reads rows by one catalog at one instant.

    Args:
        strict: hold orgs with null or empty flags instead of reading those as never set.
        now: a row that claims to be newer than this is held.
    """

    catalog: Catalog
    routes: Routes
    strict: bool
    now: datetime

    def translate(self, row: dict[str, Any]) -> Translation:
        """The commands that give an org what its row says. Never raises, never invents a key."""
        fields = Fields(row)
        org = fields.read("id", read_id)
        name = fields.read("name", read_name)
        at = fields.read("updated_at", lambda value: read_instant(value, now=self.now))
        modules = _column(row, MODULES, resolve=self._modules)
        routes = self._route_access(row)
        unset = [*modules.unset, *routes.unset]
        differences = [*fields.differences, *modules.differences, *routes.differences]
        differences += self._unusable(row, modules, unset)
        commands: tuple[Command, ...] = ()
        if not differences and name is not None and at is not None:
            commands = (RegisterOrg(name=name), *self._facts(modules, routes, at=at))
        return Translation(
            org=org,
            name=name,
            commands=commands,
            differences=tuple(differences),
            unset=len(unset),
        )

    def _route_access(self, row: dict[str, Any]) -> Flags:
        if ROUTES in row and row[ROUTES] in (None, ""):
            return Flags(unset=[ROUTES])  # every route at its default, which is enabled
        return _column(row, ROUTES, resolve=self._submodules)

    @cached_property
    def _modules(self) -> Resolve:
        return remembered(self.catalog.resolve_module)

    @cached_property
    def _submodules(self) -> Resolve:
        return remembered(self._submodule)

    def _submodule(self, flag: str) -> Key:
        key = self.routes.get(flag.lower())
        if key is None:
            raise UnknownFlag(flag)
        return key

    def _unusable(
        self, row: dict[str, Any], modules: Flags, unset: list[str]
    ) -> Iterator[Difference]:
        if isinstance(row, Repeating):
            yield Difference(
                code="repeated_field", field="", message="A field of the row stands in it twice."
            )
        for key, on in modules.values.items():
            if on and not self.catalog.module(key).is_active:
                message = f"The catalog has retired '{key}'; it can no longer be granted."
                yield Difference(code="module_retired", field=f"{MODULES}.{key}", message=message)
        if self.strict:
            for place in unset:
                message = f"'{place}' is null or empty."
                yield Difference(code="unset_value", field=place, message=message)

    def _facts(self, modules: Flags, routes: Flags, *, at: datetime) -> Iterator[Command]:
        for key in sorted([key for key, on in modules.values.items() if on]):
            if not self.catalog.module(key).exempt:
                yield GrantAccess(key=key, source=SOURCE, starts=at)
        for key in sorted([key for key, on in routes.values.items() if not on]):
            yield BlockAccess(scope="submodule", category="admin_off", key=key, starts=at)


def _column(row: dict[str, Any], column: str, *, resolve: Resolve) -> Flags:
    if column not in row:
        flags = Flags()
        flags.differ("missing_column", column, f"'{column}' is missing.")
        return flags
    return read_flags(row[column], column=column, resolve=resolve)
