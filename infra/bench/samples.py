"""What the benchmark writes: facts and view rows of the sizes that real ones have."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.actors import Actor, Provenance
from domain.catalog import Catalog, Key
from domain.catalog_document import read_catalog
from domain.commands import Command, Context, GrantAccess, RegisterOrg, RevokeAccess
from domain.decide import decide
from domain.facts import ModuleGranted
from domain.ids import OrgId, org_id, org_stream
from domain.orders import Order
from domain.org import Org
from infra.catalog import default_document
from infra.store.append import ViewRows
from infra.store.mapper import fact_body
from projections import current, legacy

GRANTS = 6  # of an org as it is measured: the last of them comes and goes
SOURCE = "plan:pro@1"
REASON = "upgraded to the Pro plan as agreed"
BY = Provenance(actor=Actor(id="bench", type="super_admin"), reason=REASON)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What one command that grants a module writes; `former` is what the view rows were before."""

    topic: str
    body: bytes
    views: ViewRows
    former: ViewRows

    @property
    def described(self) -> str:
        """Its sizes in bytes."""
        rows = f"{len(self.views.state)} and {len(self.views.granted)}"
        return f"event body {len(self.body)} bytes, view rows {rows} bytes"


def shipped_catalog() -> Catalog:
    """The catalog a first start publishes."""
    return read_catalog(default_document(), version=1)


def keys(catalog: Catalog) -> list[Key]:
    """The modules that orgs are granted here."""
    return [module.key for module in catalog.billable][:GRANTS]


def sample_org(now: datetime) -> tuple[Org, Written]:
    """An org with its grants, and what the command that gave the last of them wrote."""
    catalog = shipped_catalog()
    org = Org.blank(org_stream(org_id("100001")))
    context = Context(catalog=catalog, now=now, by=BY)
    decide(org, first_commands(catalog), context)
    former = view_rows(org)
    [fact] = decide(org, last_grant(catalog), context).facts
    assert isinstance(fact, ModuleGranted)
    return org, Written(topic=fact.TOPIC, body=fact_body(fact), views=view_rows(org), former=former)


def view_rows(org: Org) -> ViewRows:
    """As the ledger makes them."""
    return ViewRows(name=org.name, state=current.written(org), granted=legacy.written(org))


def first_commands(catalog: Catalog) -> Sequence[Command]:
    """An org with all of its grants but the last."""
    grants = [GrantAccess(key=key, source=SOURCE) for key in keys(catalog)[:-1]]
    return [RegisterOrg(name="Organisation 100001"), *grants]


def last_grant(catalog: Catalog) -> Sequence[Command]:
    """The grant that comes ..."""
    return [GrantAccess(key=keys(catalog)[-1], source=SOURCE)]


def last_revoke(catalog: Catalog) -> Sequence[Command]:
    """... and goes."""
    return [RevokeAccess(key=keys(catalog)[-1], source=SOURCE)]


def first_order(org: OrgId, catalog: Catalog) -> Order:
    """Registers an org and grants it most of its modules."""
    return Order(org=org, commands=first_commands(catalog), by=BY)
