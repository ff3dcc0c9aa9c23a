"""The bodies of commands: shapes only; what they mean is decided in the domain."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.written import Instant
from domain.catalog import Catalog, Key
from domain.commands import (
    ApplyBundle,
    BlockAccess,
    CancelScheduled,
    Command,
    ConvertTrial,
    ExtendTrial,
    GrantAccess,
    RemoveBundle,
    ResumeOrg,
    RevokeAccess,
    SetSubmodule,
    StartTrial,
    SuspendOrg,
    UnblockAccess,
)
from domain.lanes import Category, Scope

RawKey = Annotated[
    str, Field(min_length=1, max_length=129, description="a module or a `module.submodule`")
]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Reference = Annotated[str, Field(min_length=1, max_length=200)]


class Body(BaseModel):
    """What every command takes beside its own fields."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    reason: str = Field(description="why, in 10 to 500 characters")
    ticket: str | None = Field(default=None, description="a reference to where it was agreed")
    dry_run: bool = Field(default=False, description="answer what would happen, change nothing")
    plan_token: str | None = Field(
        default=None, description="from a dry run: apply only if nothing it read has moved"
    )

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        """What the body asks for.

        Raises:
            UnknownKey, UnknownBundle: it names something the catalog does not have.
        """
        raise NotImplementedError


class GrantBody(Body):
    """Give full access from one source."""

    key: RawKey
    source: Reference = "admin"
    source_ref: Reference | None = None
    starts: Instant | None = Field(default=None, alias="from")
    until: Instant | None = None
    on_conflict: Literal["refuse", "supersede"] = "refuse"

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        return [
            GrantAccess(
                key=catalog.resolve(self.key),
                source=self.source,
                source_ref=self.source_ref,
                starts=self.starts,
                until=self.until,
                on_conflict=self.on_conflict,
            )
        ]


class RevokeBody(Body):
    """End what one source, or every source, gives."""

    key: RawKey
    scope: Literal["source", "all"] = "source"
    source: Reference | None = None
    source_ref: Reference | None = None
    at: Instant | None = None

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        return [
            RevokeAccess(
                key=catalog.resolve(self.key),
                scope=self.scope,
                source=self.source,
                source_ref=self.source_ref,
                at=self.at,
            )
        ]


class StartTrialBody(Body):
    """Let the org try a key until an instant."""

    key: RawKey
    until: Instant
    starts: Instant | None = Field(default=None, alias="from")
    allow_latent: bool = False
    override_policy: bool = False

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        return [
            StartTrial(
                key=catalog.resolve(self.key),
                until=self.until,
                starts=self.starts,
                allow_latent=self.allow_latent,
                override_policy=self.override_policy,
            )
        ]


class ExtendTrialBody(Body):
    """Move the end of a running trial."""

    key: RawKey
    by_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    until: Instant | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "ExtendTrialBody":
        if (self.by_days is None) == (self.until is None):
            raise ValueError("give either 'by_days' or 'until'")
        return self

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        key = catalog.resolve(self.key)
        return [ExtendTrial(key=key, by_days=self.by_days, until=self.until)]


class ConvertTrialBody(Body):
    """End a running trial and open a full grant at the same instant."""

    key: RawKey

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        return [ConvertTrial(key=catalog.resolve(self.key))]


class BlockBody(Body):
    """Take access away, whatever the grants say."""

    scope: Scope
    category: Category
    key: RawKey | None = None
    starts: Instant | None = Field(default=None, alias="from")
    until: Instant | None = None

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        return [
            BlockAccess(
                scope=self.scope,
                category=self.category,
                key=resolved(catalog, self.key),
                starts=self.starts,
                until=self.until,
            )
        ]


class UnblockBody(Body):
    """Lift a block, named by its id or by where it stands."""

    scope: Scope | None = None
    category: Category | None = None
    key: RawKey | None = None
    block_id: Name | None = None

    @model_validator(mode="after")
    def _named(self) -> "UnblockBody":
        if self.block_id is None and (self.scope is None or self.category is None):
            raise ValueError("give 'block_id', or 'scope' and 'category' (and 'key')")
        if self.block_id is not None and (self.scope or self.category or self.key):
            raise ValueError("give either 'block_id' or 'scope' and 'category' (and 'key')")
        return self

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        return [
            UnblockAccess(
                scope=self.scope,
                category=self.category,
                key=resolved(catalog, self.key),
                block_id=self.block_id,
            )
        ]


class SetSubmoduleBody(Body):
    """Switch one submodule on or off."""

    key: RawKey
    enabled: bool

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        return [SetSubmodule(key=catalog.resolve(self.key), enabled=self.enabled)]


class CancelScheduledBody(Body):
    """Cancel a scheduled change before its instant."""

    change_id: Name

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        return [CancelScheduled(change_id=self.change_id)]


class ApplyBundleBody(Body):
    """Grant every billable module of a bundle."""

    bundle: Name

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        return [ApplyBundle(bundle=catalog.bundle(self.bundle).key)]


class RemoveBundleBody(Body):
    """End everything that a bundle grants."""

    bundle: Name

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        return [RemoveBundle(bundle=catalog.bundle(self.bundle).key)]


class SuspendBody(Body):
    """Block everything the org has."""

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        return [SuspendOrg()]


class ResumeBody(Body):
    """Lift the suspension."""

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        return [ResumeOrg()]


def resolved(catalog: Catalog, raw: str | None) -> Key | None:
    """The key that `raw` spells, None for None."""
    return None if raw is None else catalog.resolve(raw)
