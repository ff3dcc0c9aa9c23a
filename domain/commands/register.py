"""An org comes into the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass

from domain.commands.base import Command, Context
from domain.facts import OrgRegistered
from domain.org import Org
from domain.refusals import OrgAlreadyRegistered
from domain.texts import LONGEST_NAME, text


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterOrg(Command):
    """Make the org known under `name`; the same name again changes nothing.

    Raises:
        OrgAlreadyRegistered: it is known under another name.
    """

    name: str
    needs_registration = False

    def decide(self, org: Org, context: Context) -> Sequence[str]:
        name = text(self.name, field="name", longest=LONGEST_NAME)
        if not org.registered:
            context.record(org, OrgRegistered, name=name)
        elif org.name != name:
            raise OrgAlreadyRegistered(org.org_id, name=org.name)
        return ()
