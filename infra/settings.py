"""Every setting, read from the environment here and nowhere else."""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

PREFIX = "LEDGER_"
_UNPREFIXED = ("enable_entitlements_gating",)
_YES = ("y", "yes", "t", "true", "on", "1")  # what the library takes for one


class SettingsProblem(Exception):
    """The environment does not make a configuration; says which variable and how to mend it."""


class Settings(BaseModel):
    """The configuration of one process. In the environment: `LEDGER_` and the field's name."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    database_url: str | None = Field(
        default=None,
        description="PostgreSQL to use; absent: an embedded one under the data directory",
    )
    migration_database_url: str | None = Field(
        default=None, description="a role that may migrate; absent: the one of the database URL"
    )
    data_dir: Path = Field(default=Path("var"), description="where embedded state lives")
    pg_bin: Path | None = Field(default=None, description="directory of PostgreSQL's programs")
    jwt_secret: str | None = Field(
        default=None, min_length=32, description="shared secret of HS256 tokens"
    )
    jwt_public_key_file: Path | None = Field(
        default=None, description="PEM public key of RS256, ES256 or EdDSA tokens"
    )
    jwks_url: str | None = Field(default=None, description="where the issuer publishes its keys")
    jwt_issuer: str = Field(default="entitlements-ledger", description="the `iss` tokens must have")
    jwt_audience: str = Field(default="entitlements", description="the `aud` tokens must have")
    catalog_file: Path | None = Field(
        default=None, description="catalog to publish on first start; absent: the shipped one"
    )
    kafka_bootstrap_servers: str | None = Field(
        default=None,
        description="Kafka to publish to; absent: changes are told within PostgreSQL only",
    )
    kafka_partitions: Annotated[int, Field(ge=1, le=1_000)] = Field(
        default=3, description="partitions of the topics that the relay creates"
    )
    kafka_client: Literal["kafka-python", "confluent-kafka"] = Field(
        default="kafka-python",
        description="the client that the relay sends with; confluent-kafka is an extra",
    )
    topic_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,100}$")] = Field(
        default="", description="put before the names of the topics on a shared cluster"
    )
    redis_url: str | None = Field(
        default=None, description="Redis in which processes share what they read of organisations"
    )
    cache_ttl_seconds: Annotated[int, Field(ge=1, le=86_400)] = Field(
        default=300, description="how long a cached entitlement may serve at most"
    )
    gating_file: Path | None = Field(
        default=None, description="says 'off' to gate nothing here; absent: <data dir>/gating"
    )
    enable_entitlements_gating: bool | None = Field(
        default=None, description="false gates nothing in this process, whatever the ledger says"
    )
    bypass_allowed: bool = Field(
        default=True, description="false is the strict mode: no super admin bypasses anything"
    )
    bypass_never: tuple[str, ...] = Field(
        default=(), description="keys that are never bypassed, separated by commas"
    )
    public_base_url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+[^\s?#/]$")] | None = Field(
        default=None, description="the address that clients use; absent: as each request says"
    )
    test_clock: bool = Field(
        default=False, description="let super admins set the ledger's clock forward: tests only"
    )

    @field_validator("bypass_never", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(key.strip().lower() for key in value.split(",") if key.strip())

    @field_validator("kafka_client")
    @classmethod
    def _installed(cls, client: str) -> str:
        if client == "confluent-kafka" and find_spec("confluent_kafka") is None:
            raise ValueError(
                "confluent-kafka is not installed: pip install confluent-kafka, or the extra "
                "[confluent]"
            )
        return client

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """The settings that the environment makes; empty variables count as absent.

        Raises:
            SettingsProblem: a variable cannot be used, or an unsafe library option is set.
        """
        environment = os.environ if environment is None else environment
        if environment.get("POSTGRES_ENABLE_DB_FUNCTIONS", "").strip().lower() in _YES:
            raise SettingsProblem(
                "POSTGRES_ENABLE_DB_FUNCTIONS is on: readers that follow the log would miss "
                "events. Unset it."
            )
        found = {
            field: environment[variable]
            for field in cls.model_fields
            if environment.get(variable := variable_of(field), "").strip()
        }
        try:
            return cls.model_validate(found)
        except ValidationError as error:
            lines = [f"{variable_of(str(e['loc'][0]))}: {e['msg']}" for e in error.errors()]
            raise SettingsProblem("; ".join(lines)) from error


def variable_of(field: str) -> str:
    """The name a setting has in the environment; one keeps the name it always had."""
    return field.upper() if field in _UNPREFIXED else PREFIX + field.upper()


def unknown_variables(environment: Mapping[str, str] | None = None) -> list[str]:
    """The variables that look like settings of the ledger, and are none of this version's."""
    environment = os.environ if environment is None else environment
    known = {variable_of(field) for field in Settings.model_fields}
    return sorted(v for v in environment if v.startswith(PREFIX) and v not in known)
