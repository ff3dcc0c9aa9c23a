"""The two commands that come before all others: a schema, and a token."""

from pathlib import Path

import jwt
import psycopg
import pytest

from infra.cli.work import tell_of_new_ledger
from infra.database import Database
from infra.settings import Settings
from tests.infra.cli.shell import SECRET, Shell


def claims(token: str) -> dict[str, object]:
    """What a token says, once its signature holds."""
    found: dict[str, object] = jwt.decode(
        token, SECRET, algorithms=["HS256"], audience="entitlements"
    )
    return found


def test_a_fresh_database_is_migrated_once(own_shell: Shell, database: Database) -> None:
    with psycopg.connect(database.owner_url) as connection:
        connection.execute("DROP SCHEMA ledger CASCADE")

    first, second = own_shell.json("migrate"), own_shell.json("migrate")

    assert (first["before"], first["changed"]) == (None, True)
    assert (second["before"], second["changed"]) == (first["revision"], False)
    assert "already" in own_shell("migrate").stdout


def test_a_token_stands_alone_on_its_line() -> None:
    shell = Shell({"LEDGER_JWT_SECRET": SECRET})
    said = shell("token", "--role", "org_admin", "--org", 7, "--permissions", "crm.*, erp.view")
    (line,) = said.stdout.splitlines()
    found = claims(line)
    assert (found["role"], found["org_id"]) == ("org_admin", 7)
    assert found["permissions"] == ["crm.*", "erp.view"]


def test_a_token_is_valid_for_as_long_as_asked() -> None:
    shell = Shell({"LEDGER_JWT_SECRET": SECRET})
    found = claims(shell.json("token", "--role", "service", "--minutes", 5)["token"])
    assert found["exp"] == int(str(found["iat"])) + 300
    assert "org_id" not in found


def test_where_tokens_are_verified_with_a_public_key_none_can_be_signed() -> None:
    shell = Shell({"LEDGER_JWKS_URL": "https://issuer.example/keys"})
    assert shell.refusal("token", "--role", "user")["code"] == "settings_problem"


def test_a_token_of_a_new_secret_says_whose_it_is(tmp_path: Path) -> None:
    """In another folder than the server's it would be refused, and nobody would know why."""
    shell = Shell({"LEDGER_DATA_DIR": str(tmp_path)})
    first, second = (shell("token", "--role", "service") for _ in range(2))
    assert f"A new secret is made in {tmp_path / 'jwt_secret'}" in first.stderr
    assert second.stderr == ""
    assert len(first.stdout.splitlines()) == 1


def test_work_on_a_ledger_that_is_not_there_yet_says_where_it_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Otherwise every organisation would seem to be gone."""
    tell_of_new_ledger(Settings(data_dir=tmp_path))
    assert f"A new, empty ledger is made in {tmp_path}" in capsys.readouterr().err
    (tmp_path / "postgres").mkdir()
    tell_of_new_ledger(Settings(data_dir=tmp_path))
    tell_of_new_ledger(Settings(data_dir=tmp_path / "no", database_url="postgresql://elsewhere"))
    assert capsys.readouterr().err == ""
