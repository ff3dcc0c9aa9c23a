"""Bodies of the commands that HTTP has under the seed's routes and in the seed's form."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import Field

from api.bodies import Body, RawKey, Reference
from domain.catalog import Catalog
from domain.commands import Command, RegisterOrg, SetStatus
from domain.commands.status import Status


class RegisterBody(Body):
    """Make an org known."""

    name: Annotated[str, Field(min_length=1, max_length=200)]

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        return [RegisterOrg(name=self.name)]


class StatusBody(Body):
    """Bring a module to a status."""

    key: RawKey
    status: Status
    trial_expires_at: datetime | None = None
    source: Reference = "admin"

    def commands(self, catalog: Catalog) -> Sequence[Command]:
        return [
            SetStatus(
                key=catalog.resolve_module(self.key),
                status=self.status,
                trial_ends=self.trial_expires_at,
                source=self.source,
            )
        ]
