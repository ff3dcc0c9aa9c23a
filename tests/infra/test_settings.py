"""Settings: every variable, and what cannot be used is named."""

from pathlib import Path

import pytest

from infra.settings import Settings, SettingsProblem, unknown_variables, variable_of

VARIABLES: dict[str, tuple[str, object]] = {
    "LEDGER_DATABASE_URL": ("postgresql://app@db/ledger", "postgresql://app@db/ledger"),
    "LEDGER_MIGRATION_DATABASE_URL": ("postgresql://own@db/ledger", "postgresql://own@db/ledger"),
    "LEDGER_DATA_DIR": ("/srv/ledger", Path("/srv/ledger")),
    "LEDGER_PG_BIN": ("/opt/postgres/bin", Path("/opt/postgres/bin")),
    "LEDGER_JWT_SECRET": (" " + "s" * 32 + "\n", "s" * 32),
    "LEDGER_JWT_PUBLIC_KEY_FILE": ("/etc/ledger/key.pem", Path("/etc/ledger/key.pem")),
    "LEDGER_JWKS_URL": ("https://issuer/jwks.json", "https://issuer/jwks.json"),
    "LEDGER_JWT_ISSUER": ("https://issuer", "https://issuer"),
    "LEDGER_JWT_AUDIENCE": ("billing", "billing"),
    "LEDGER_CATALOG_FILE": ("catalog.json", Path("catalog.json")),
    "LEDGER_KAFKA_BOOTSTRAP_SERVERS": ("one:9092,two:9092", "one:9092,two:9092"),
    "LEDGER_KAFKA_PARTITIONS": ("6", 6),
    "LEDGER_KAFKA_CLIENT": ("confluent-kafka", "confluent-kafka"),
    "LEDGER_TOPIC_PREFIX": ("staging.", "staging."),
    "LEDGER_CACHE_TTL_SECONDS": ("60", 60),
    "LEDGER_REDIS_URL": ("redis://cache:6379/0", "redis://cache:6379/0"),
    "LEDGER_GATING_FILE": ("/etc/ledger/gating", Path("/etc/ledger/gating")),
    "ENABLE_ENTITLEMENTS_GATING": ("false", False),
    "LEDGER_BYPASS_ALLOWED": ("false", False),
    "LEDGER_BYPASS_NEVER": ("hr, CRM.orders", ("hr", "crm.orders")),
    "LEDGER_PUBLIC_BASE_URL": ("https://ledger.example", "https://ledger.example"),
    "LEDGER_TEST_CLOCK": ("true", True),
}


def field_of(variable: str) -> str:
    return variable.removeprefix("LEDGER_").lower()


def test_every_setting_has_its_variable_here() -> None:
    """A new one has to be thought of."""
    assert {variable_of(field) for field in Settings.model_fields} == set(VARIABLES)


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_variable_is_read(variable: str) -> None:
    """Each alone, with white space at its ends left out."""
    raw, meant = VARIABLES[variable]

    settings = Settings.from_environment({variable: raw})

    assert getattr(settings, field_of(variable)) == meant
    assert settings.model_fields_set == {field_of(variable)}


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("nothing", ["", "  "])
def test_an_empty_variable_counts_as_absent(variable: str, nothing: str) -> None:
    """Compose files and shells hand on empty ones for those that are not set."""
    assert Settings.from_environment({variable: nothing}) == Settings.from_environment({})


def test_every_setting_is_described() -> None:
    """The documentation of the settings is made of these."""
    undescribed = [name for name, field in Settings.model_fields.items() if not field.description]
    assert undescribed == []


def test_other_variables_are_nothing_to_us() -> None:
    """An environment is full of them, and those of a newer version may be among them."""
    found = Settings.from_environment({"PATH": "/bin", "LEDGER_UNHEARD_OF": "1", "DATA_DIR": "x"})
    assert found == Settings()


def test_settings_do_not_change() -> None:
    """Whatever holds them sees the same."""
    with pytest.raises(ValueError, match="frozen"):
        Settings().cache_ttl_seconds = 1  # type: ignore[misc]  # on purpose


@pytest.mark.parametrize(
    ("variable", "raw", "says"),
    [
        ("LEDGER_CACHE_TTL_SECONDS", "soon", "valid integer"),
        ("LEDGER_CACHE_TTL_SECONDS", "0", "greater than or equal to 1"),
        ("LEDGER_CACHE_TTL_SECONDS", "86401", "less than or equal to 86400"),
        ("LEDGER_KAFKA_CLIENT", "aiokafka", "should be 'kafka-python' or 'confluent-kafka'"),
        ("LEDGER_JWT_SECRET", "short", "at least 32 characters"),
        ("LEDGER_JWT_SECRET", " " * 20 + "s" * 31, "at least 32 characters"),
    ],
)
def test_a_bad_value_is_named(variable: str, raw: str, says: str) -> None:
    """With the variable's own name and what is wrong; without the value, which may be secret."""
    with pytest.raises(SettingsProblem, match=f"^{variable}: .*{says}") as problem:
        Settings.from_environment({variable: raw})
    assert f"'{raw.strip()}'" not in str(problem.value)


def test_a_client_that_is_not_installed_is_said_how_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the start, and not when the relay first wants to send."""
    monkeypatch.setattr("infra.settings.find_spec", lambda name: None)
    with pytest.raises(SettingsProblem, match=r"_CLIENT: .*pip install confluent-kafka"):
        Settings.from_environment({"LEDGER_KAFKA_CLIENT": "confluent-kafka"})


def test_all_bad_values_are_named_at_once() -> None:
    """So that one start is enough to mend them."""
    environment = {"LEDGER_CACHE_TTL_SECONDS": "x", "LEDGER_JWT_SECRET": "y"}
    with pytest.raises(SettingsProblem, match=r"LEDGER_JWT_SECRET: .*; LEDGER_CACHE_TTL_SECONDS: "):
        Settings.from_environment(environment)


@pytest.mark.parametrize("raw", ["y", "Y", "yes", "true", "TRUE", "1", "on", "t", " y "])
def test_the_librarys_unsafe_functions_are_refused(raw: str) -> None:
    """In every spelling that the library takes for a yes."""
    with pytest.raises(SettingsProblem, match="POSTGRES_ENABLE_DB_FUNCTIONS is on"):
        Settings.from_environment({"POSTGRES_ENABLE_DB_FUNCTIONS": raw})


@pytest.mark.parametrize("raw", ["n", "no", "false", "0", "off", ""])
def test_the_librarys_unsafe_functions_may_be_switched_off(raw: str) -> None:
    """To say no is no problem."""
    assert Settings.from_environment({"POSTGRES_ENABLE_DB_FUNCTIONS": raw}) == Settings()


def test_a_misspelt_variable_is_found() -> None:
    """It would be ignored otherwise, and nobody would know why."""
    environment = {"LEDGER_DATABSE_URL": "x", "LEDGER_DATA_DIR": "y", "PATH": "z"}
    assert unknown_variables(environment) == ["LEDGER_DATABSE_URL"]
