"""A shell in which tests type: arguments in, exit code and both outputs back."""

import json
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from infra.cli import main
from infra.database import Database

REASON = "Agreed with the customer, contract 7"
SECRET = "a secret of this test run, long enough for HS256"

_NUMBERS = count(1000)


@dataclass(frozen=True)
class Shell:
    """Types `entitlements` with an environment of its own; a bug raises here."""

    env: dict[str, str] = field(default_factory=dict)

    @classmethod
    def over(cls, database: Database, *, data_dir: Path, **more: str) -> "Shell":
        """A shell whose settings name a database."""
        return cls(
            {
                "LEDGER_DATABASE_URL": database.app_url,
                "LEDGER_MIGRATION_DATABASE_URL": database.owner_url,
                "LEDGER_DATA_DIR": str(data_dir),
                "LEDGER_JWT_SECRET": SECRET,
            }
            | more
        )

    def __call__(self, *words: str | int | Path, code: int = 0) -> Result:
        """Type a command that is to end with `code`."""
        typed = [str(word) for word in words]
        result = CliRunner(env=self.env).invoke(main, typed, catch_exceptions=False)
        assert result.exit_code == code, f"{typed}: {result.exit_code}\n{result.output}"
        return result

    def json(self, *words: str | int | Path, code: int = 0) -> Any:
        """The document that a command prints."""
        return json.loads(self(*words, "--json", code=code).stdout)

    def refusal(self, *words: str | int | Path) -> Any:
        """The problem that a refused command prints."""
        result = self(*words, "--json", code=1)
        assert result.stdout == ""
        return json.loads(result.stderr)

    def command(self, org: int, *words: str, **options: str) -> Any:
        """The answer of `entitlements org <words> <org>` with options and a reason."""
        return self.json("org", *words, org, *_options(options), "--reason", REASON)

    def new_org(self, *, name: str = "Acme") -> int:
        """A registered org with nothing granted."""
        org = next(_NUMBERS)
        self.command(org, "register", name=name)
        return org


def _options(options: dict[str, str]) -> list[str]:
    return [
        part
        for name, value in options.items()
        for part in (f"--{name.strip('_').replace('_', '-')}", value)
    ]
