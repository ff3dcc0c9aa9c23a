"""What can be granted: modules of three kinds, their submodules, and bundles of modules."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import Literal, NewType

from domain.refusals import UnknownBundle, UnknownKey

Key = NewType("Key", str)
"""`crm` is a module, `crm.lead_management` a submodule; lower snake case."""

Kind = Literal["billable", "always_on", "rbac_only"]


_NEAR = 0.65  # of difflib: 'crn' is near 'crm', and 'nosuch' is not near 'voucher'


def module_of(key: Key) -> Key:
    """The module a key is or belongs to."""
    return Key(key.partition(".")[0])


def is_submodule(key: Key) -> bool:
    """Whether a key names a submodule."""
    return "." in key


@dataclass(frozen=True, slots=True, kw_only=True)
class Submodule:
    """Part of a module; with `on_by_default` false it needs a grant of its own."""

    id: int
    key: str
    display_name: str
    description: str | None = None
    menu_path: str | None = None
    permission: str | None = None
    sort_order: int
    is_active: bool = True
    on_by_default: bool = True
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Module:
    """A module; only the `billable` ones are granted, the other kinds are exempt."""

    id: int
    key: Key
    kind: Kind
    display_name: str
    description: str | None = None
    icon: str | None = None
    sort_order: int
    is_active: bool = True
    aliases: tuple[str, ...] = ()
    submodules: tuple[Submodule, ...] = ()

    @property
    def exempt(self) -> bool:
        """Never gated: this is the one list of exemptions."""
        return self.kind != "billable"

    @cached_property
    def by_submodule(self) -> dict[Key, Submodule]:
        """Submodules by full key, in the catalog's order."""
        return {Key(f"{self.key}.{sub.key}"): sub for sub in self.submodules}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Modules that are sold together; it owns nothing once applied."""

    key: str
    display_name: str
    description: str | None = None
    modules: tuple[Key, ...]


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """One published version of the catalog document. Lookups ignore case and know the aliases."""

    version: int
    longest_trial_days: int
    modules: tuple[Module, ...]
    bundles: tuple[Bundle, ...] = field(default=())
    role_permissions: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {"super_admin": ("*",)}, hash=False
    )

    @cached_property
    def by_key(self) -> dict[Key, Module]:
        """Modules by key, in the catalog's order."""
        return {module.key: module for module in self.modules}

    @cached_property
    def keys(self) -> frozenset[Key]:
        """Every module and submodule key."""
        return frozenset(self.walk())

    @cached_property
    def _by_spelling(self) -> dict[str, Key]:
        return dict(self.spellings())

    def spellings(self) -> Iterator[tuple[str, Key]]:
        """Every spelling in lower case, aliases included, with the key it stands for."""
        for module in self.modules:
            for name in (module.key, *module.aliases):
                yield name.lower(), module.key
                for key, sub in module.by_submodule.items():
                    for sub_name in (sub.key, *sub.aliases):
                        yield f"{name}.{sub_name}".lower(), key

    def walk(self) -> Iterator[Key]:
        """Every key: each module before its submodules."""
        for module in self.modules:
            yield module.key
            yield from module.by_submodule

    def resolve(self, raw: str) -> Key:
        """The key that `raw` spells, in any case or as a known alias.

        Raises:
            UnknownKey: nothing in the catalog is spelled so; names the nearest keys.
        """
        found = self._by_spelling.get(raw.lower())
        if found is None:
            near = get_close_matches(raw.lower(), self._by_spelling, n=6, cutoff=_NEAR)
            nearest = dict.fromkeys(self._by_spelling[spelling] for spelling in near)
            raise UnknownKey(raw[:120], nearest=list(nearest)[:2])
        return found

    def resolve_module(self, raw: str) -> Key:
        """Like `resolve`, but a submodule is refused as well."""
        key = self.resolve(raw)
        if is_submodule(key):
            raise UnknownKey(raw[:120], nearest=[module_of(key)])
        return key

    def module(self, key: Key) -> Module:
        """The module that `key` is or belongs to."""
        return self.by_key[module_of(key)]

    def submodule(self, key: Key) -> Submodule | None:
        """The submodule that `key` names, None for a module."""
        return self.module(key).by_submodule.get(key)

    def in_use(self, key: Key) -> bool:
        """Whether neither `key` nor its module is retired."""
        module = self.module(key)
        submodule = module.by_submodule.get(key)
        return module.is_active and (submodule is None or submodule.is_active)

    def bundle(self, key: str) -> Bundle:
        """A bundle by its key, in any case.

        Raises:
            UnknownBundle: there is none; names those there are.
        """
        for bundle in self.bundles:
            if bundle.key == key.lower():
                return bundle
        raise UnknownBundle(key[:120], known=[bundle.key for bundle in self.bundles])

    @cached_property
    def billable(self) -> tuple[Module, ...]:
        """The modules that are granted and revoked, retired ones included."""
        return tuple(module for module in self.modules if not module.exempt)
