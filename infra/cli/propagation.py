"""`entitlements relay`, `invalidate` and `restore-epoch`: how changes get to other processes."""

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from infra.cli.output import json_option, print_json, show
from infra.cli.usage import example

if TYPE_CHECKING:
    from infra.restoring import Restored


_METRICS = click.option(
    "--metrics-port", type=click.IntRange(1, 65_535), help="Answer scrapes of /metrics there."
)


@click.command(epilog=example("entitlements relay", "entitlements relay --metrics-port 9464"))
@_METRICS
def relay(*, metrics_port: int | None) -> None:
    """Publish the log to Kafka until interrupted.

    Any number may run, 'entitlements serve' with Kafka configured among them: one publishes, the
    others stand by.
    """
    from infra.carrying import carry
    from infra.settings import Settings

    with suppress(KeyboardInterrupt):  # the way it is meant to end
        carry(Settings.from_environment(), told=click.echo, metrics_port=metrics_port)


@click.command(epilog=example("entitlements invalidate", "entitlements invalidate --json"))
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document per line.")
@_METRICS
def invalidate(*, as_json: bool, metrics_port: int | None) -> None:
    """Print what caches let go, until interrupted.

    It listens to Kafka where one is configured, or runs on the data directory, and to PostgreSQL
    otherwise.
    """
    from infra.carrying import listen
    from infra.settings import Settings

    def began(servers: str | None) -> None:
        if not as_json:
            show(f"Listening to {f'Kafka at {servers}' if servers else 'PostgreSQL'}.", err=True)

    def told(what: str, facts: dict[str, Any]) -> None:
        click.echo(json.dumps(_document(what, facts)) if as_json else _line(what, facts))

    settings = Settings.from_environment()
    with suppress(KeyboardInterrupt):  # the way it is meant to end
        listen(settings, told=told, began=began, metrics_port=metrics_port)


@click.command(
    "restore-epoch",
    epilog=example("entitlements restore-epoch", "entitlements restore-epoch --yes"),
)
@click.option("--yes", is_flag=True, help="Begin the new epoch; without it, only list.")
@json_option
def restore_epoch(*, yes: bool, as_json: bool) -> None:
    """Begin a new epoch after the database was restored.

    Lists the events that Kafka has and the database has not. With --yes every cache and consumer
    starts over, and the relay publishes every organisation again.
    """
    from infra.carrying import begin_epoch
    from infra.settings import Settings

    found = begin_epoch(Settings.from_environment(), dry_run=not yes)
    if as_json:
        print_json(_restored(found, dry_run=not yes))
    else:
        _print(found, dry_run=not yes)


def _document(what: str, facts: dict[str, Any]) -> dict[str, Any]:
    from domain.ids import OrgId, org_json

    org = facts.get("org")
    named = {"org_id": org_json(OrgId(org))} if org is not None else {}
    return {"evicted": what, **named, **{k: v for k, v in facts.items() if k != "org" and v}}


def _line(what: str, facts: dict[str, Any]) -> str:
    if what == "everything":
        return "everything: a new beginning, or something may have been missed"
    if what == "refresh":
        return f"org {facts['org']}: somebody wants it read anew"
    name = f"org {facts['org']}" if facts["org"] is not None else what
    return f"{name} is at version {facts['version']} (position {facts['position']})"


def _restored(found: "Restored", *, dry_run: bool) -> dict[str, Any]:
    from domain.ids import org_json

    return {
        "dry_run": dry_run,
        "broker": found.broker,
        "ledger_epoch": found.epoch,
        "position": found.position,
        "lost": [event._asdict() for event in found.lost],
        "gone": [org_json(org) for org in found.gone],
    }


def _print(found: "Restored", *, dry_run: bool) -> None:
    from infra.cli.tables import table

    if found.broker is None:
        show("No Kafka is configured: only the epoch changes.")
    elif found.lost:
        rows = [
            (str(e.position), e.topic, e.org or "", e.recorded_at or "", e.event_id)
            for e in found.lost
        ]
        show(f"Kafka has {len(rows)} events that the ledger has not:")
        show(table("position", "type", "organisation", "recorded", "event", rows=rows))
    else:
        show("Kafka has no event that the ledger has not.")
    if found.gone:
        show(f"Organisations that are gone: {', '.join(found.gone)}")
    if dry_run:
        show(f"Nothing was changed (epoch {found.epoch}); --yes begins the next epoch.")
    else:
        show(f"Epoch {found.epoch} begins after position {found.position}.")
