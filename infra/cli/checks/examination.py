"""The whole examination, in the order in which one thing rests on another."""

import asyncio
from collections.abc import Iterator

from infra.cli.checks.broker import check_broker, check_relay
from infra.cli.checks.configuration import check_settings, unusable_settings
from infra.cli.checks.connection import check_connection
from infra.cli.checks.finding import Finding
from infra.cli.checks.storage import check_storage, not_made_yet
from infra.cli.checks.surroundings import check_surroundings
from infra.cli.problems import problem_of
from infra.clock import wall_clock
from infra.database import database, embedded_directory
from infra.settings import Settings, SettingsProblem


def examined() -> tuple[list[Finding], list[Finding]]:
    """The findings about each setting, and those about everything else."""
    try:
        settings = Settings.from_environment()
    except SettingsProblem as problem:
        return [], [unusable_settings(problem)]
    found = [*_storage(settings), *check_broker(settings), *check_surroundings(settings)]
    return list(check_settings(settings)), found


def _storage(settings: Settings) -> Iterator[Finding]:
    """What can be said of the database, up to the first thing that rules out the rest."""
    try:
        if settings.database_url is None and not embedded_directory(settings).exists():
            yield not_made_yet(settings)
            return
        with database(settings) as where:
            found = list(check_storage(where))
            yield from found
            if any(finding.name == "roles" and finding.health == "ok" for finding in found):
                never = settings.bypass_never
                connection = check_connection(where.app_url, wall=wall_clock, never=never)
                yield from asyncio.run(connection)
                yield from asyncio.run(check_relay(settings, where.app_url))
    except Exception as error:
        problem = problem_of(error)
        if problem is None:
            raise
        mend = problem.hint or "Do what it says."
        yield Finding.problem("database", problem.message, mend=mend)
