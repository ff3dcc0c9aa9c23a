"""`entitlements serve`: the web server."""

import contextlib

import click

from infra.cli.usage import example


@click.command(
    epilog=example(
        "entitlements serve --demo", "entitlements serve --host 0.0.0.0 --port 8080 --workers 4"
    )
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="The port to listen on; 0 takes any that is free.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many processes share the socket.",
)
@click.option("--demo", is_flag=True, help="Seed demonstration orgs and print tokens.")
@click.option("--kafka", is_flag=True, help="Run a Kafka broker, too, unless one is configured.")
def serve(*, host: str, port: int, workers: int, demo: bool, kafka: bool) -> None:
    """Serve HTTP until interrupted."""
    from infra.server import serve as serve_until_interrupted
    from infra.settings import Settings

    settings = Settings.from_environment()
    with contextlib.suppress(KeyboardInterrupt):  # the way it is meant to end
        serve_until_interrupted(
            settings, host=host, port=port, workers=workers, demo=demo, kafka=kafka
        )
