"""The root of the command line: its groups, and what becomes of errors."""

from typing import Any

import click

from infra.cli.audit import audit
from infra.cli.catalog import catalog
from infra.cli.doctor import doctor
from infra.cli.history import explain, replay
from infra.cli.legacy import legacy
from infra.cli.migrate import migrate
from infra.cli.org import org
from infra.cli.output import forgive_terminal, print_json, show, wants_json
from infra.cli.serve import serve
from infra.cli.token import token
from infra.cli.usage import example
from infra.cli.views import views


class Program(click.Group):
    """A group that tells expected errors in a sentence, or as JSON, and exits with 1."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        """Refuse what could be neither stored nor printed."""
        if any(not argument.isascii() and _broken(argument) for argument in args):
            raise click.UsageError("Arguments must be UTF-8.", context)
        return super().parse_args(context, args)

    def invoke(self, context: click.Context) -> Any:
        """Run the command that was asked for."""
        forgive_terminal()
        try:
            return super().invoke(context)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:  # who reads has seen enough; click ends quietly
            raise
        except Exception as error:
            if not tell(error, as_json=wants_json(context)):
                raise
            context.exit(1)


def _broken(argument: str) -> bool:
    """Whether bytes in it are no UTF-8; Python stands lone surrogates for those."""
    return any("\ud800" <= character <= "\udfff" for character in argument)


def tell(error: Exception, *, as_json: bool) -> bool:
    """Print an expected error on standard error; False when it is none."""
    from infra.cli.problems import problem_of

    problem = problem_of(error)
    if problem is None:
        return False
    if as_json:
        print_json(problem.document(), err=True)
    else:
        show(problem.message, err=True)
        if problem.hint is not None:
            show(f"Hint: {problem.hint}", err=True)
    return True


@click.group(
    cls=Program,
    name="entitlements",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=example(
        'entitlements org register 42 --name "Acme" --reason "New customer, contract 7"',
        'entitlements org grant 42 --key crm --reason "Sold with contract 7"',
        "entitlements org show 42",
    ),
)
@click.version_option(package_name="entitlements-ledger", message="%(package)s %(version)s")
def main() -> None:
    """What every organisation may use, now, and who said so.

    Settings come from the environment; 'entitlements doctor' shows each of them. Without
    LEDGER_DATABASE_URL a PostgreSQL of its own is started under LEDGER_DATA_DIR.

    Exit codes: 0 done, 1 a difference or a refusal, 2 wrong usage.
    """


for _command in (
    serve,
    token,
    org,
    catalog,
    explain,
    replay,
    audit,
    views,
    legacy,
    migrate,
    doctor,
):
    main.add_command(_command)
