"""`entitlements doctor`: what is wrong with a deployment, and how to mend it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from infra.cli.output import json_option, plain, print_json, show
from infra.cli.usage import example

if TYPE_CHECKING:
    from infra.cli.checks.finding import Finding


@click.command(epilog=example("entitlements doctor", "entitlements doctor --json"))
@json_option
@click.pass_context
def doctor(context: click.Context, *, as_json: bool) -> None:
    """Say what is wrong and how to mend it, and change nothing.

    Looks at settings, database, clock, catalog, files and broker. Exit 1 where something does not
    work. Secrets are not shown.
    """
    from dataclasses import asdict

    from infra.cli.checks.examination import examined

    settings, findings = examined()
    well = all(finding.health != "problem" for finding in (*settings, *findings))
    if as_json:
        lists = {"settings": settings, "checks": findings}
        print_json({"ok": well} | {k: [asdict(f) for f in found] for k, found in lists.items()})
    else:
        _print(settings, findings)
        show("Everything works." if well else "Something does not work: see 'problem' above.")
    context.exit(0 if well else 1)


def _print(settings: "Sequence[Finding]", findings: "Sequence[Finding]") -> None:
    from infra.cli.tables import table

    show(table("setting", "value", rows=[(f.name, plain(f.found)) for f in settings]))
    rows = [(f.health, f.name, plain(f.found)) for f in findings]
    show(table("health", "what", "found", rows=rows))
    for finding in findings:
        if finding.mend is not None:
            show(f"{finding.health}: {finding.name}: {finding.mend}")
