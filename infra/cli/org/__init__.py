"""`entitlements org`: everything about one organisation, a small file for each kind of command."""

import click

from infra.cli.org.blocks import block, resume, submodule, suspend, unblock
from infra.cli.org.bundles import bundle
from infra.cli.org.directory import list_orgs, register
from infra.cli.org.grants import grant, revoke
from infra.cli.org.propagation import propagation
from infra.cli.org.refresh import refresh
from infra.cli.org.schedule import cancel_scheduled, pending
from infra.cli.org.show import show_org
from infra.cli.org.status import set_status
from infra.cli.org.trials import trial
from infra.cli.usage import example


@click.group(
    epilog=example(
        "entitlements org show 42",
        'entitlements org grant 42 --key crm --reason "Sold with contract 7"',
    )
)
def org() -> None:
    """Register, show and change organisations."""


for _command in (register, list_orgs, show_org, grant, revoke, trial, block, unblock, submodule):
    org.add_command(_command)
for _command in (
    set_status,
    bundle,
    suspend,
    resume,
    refresh,
    propagation,
    pending,
    cancel_scheduled,
):
    org.add_command(_command)
