"""Errors that are no bugs, told as a message, a stable code and a way out.

What is not listed here is a bug and keeps its traceback.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from domain.refusals import Refusal

DOCTOR = "'entitlements doctor' tells what is wrong and how to mend it."
SERVER = "Check that PostgreSQL runs and that LEDGER_DATABASE_URL names it. " + DOCTOR
BROKER = "Check that Kafka runs and that LEDGER_KAFKA_BOOTSTRAP_SERVERS names it."
ADDRESS = "The database's address cannot be read as a PostgreSQL URL."
PRIVILEGE = "Set LEDGER_MIGRATION_DATABASE_URL to a role that may create roles and schemas."

_INSUFFICIENT_PRIVILEGE = "42501"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a command did not do what it was asked."""

    code: str
    message: str
    hint: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As an RFC 9457 problem, without what only HTTP has."""
        document: dict[str, Any] = {
            "type": f"urn:entitlements-ledger:problem:{self.code}",
            "detail": self.message,
            "code": self.code,
        }
        if self.hint is not None:
            document["hint"] = self.hint
        return document | {k: v for k, v in self.facts.items() if k not in document}


class _Known(NamedTuple):
    """What is told of one class of error, apart from its own message."""

    code: str
    hint: str | None = None
    message: str | None = None


# By name, so that telling a problem imports nothing; a test sees to it that each name exists.
KNOWN = {
    "builtins.OSError": _Known("os_error"),
    "consumers.relay.producer.PublishFailed": _Known("broker_unreachable", BROKER),
    "consumers.topics.TopicMisconfigured": _Known("topic_misconfigured"),
    "infra.carrying.NoBroker": _Known("no_broker"),
    "infra.cli.files.UnreadableFile": _Known("unreadable_file"),
    "infra.integrity.checkpoints.CheckpointsDamaged": _Known("checkpoints_damaged"),
    "infra.integrity.keeper.NotExtended": _Known("log_not_extended"),
    "infra.integrity.keys.KeysDamaged": _Known("checkpoint_keys_damaged"),
    "infra.kafka.errors.KafkaUnavailable": _Known("embedded_kafka_unavailable"),
    "infra.metrics.page.PageUnavailable": _Known("address_in_use"),
    "infra.postgres.errors.PostgresUnavailable": _Known("embedded_postgres_unavailable"),
    "infra.server.AddressInUse": _Known("address_in_use"),
    "infra.settings.SettingsProblem": _Known("settings_problem", DOCTOR),
    "infra.store.connections.UnsafeDatabase": _Known("unsafe_database"),
    "infra.store.mapper.UnknownFact": _Known("unknown_fact"),
    "infra.wiring.SchemaBehind": _Known("schema_behind"),
    "projections.outgoing.LogAway": _Known("database_unreachable", SERVER),
    "psycopg.OperationalError": _Known("database_unreachable", SERVER),
    "psycopg.errors.InsufficientPrivilege": _Known("database_privilege_missing", PRIVILEGE),
    # The driver's own message repeats the address, and with it the password.
    "psycopg.ProgrammingError": _Known("database_address_invalid", SERVER, ADDRESS),
}


def problem_of(error: Exception) -> Problem | None:
    """What to tell of an error; None when it is none that anybody expects."""
    error = getattr(error, "orig", None) or error  # what SQLAlchemy wraps around the driver's
    if isinstance(error, Refusal):
        return Problem(code=error.code, message=error.message, hint=error.hint, facts=error.facts)
    for cls in type(error).__mro__:
        known = KNOWN.get(f"{cls.__module__}.{cls.__qualname__}")
        if known is not None and not _is_bug(error):
            message = known.message or str(error).strip() or type(error).__name__
            return Problem(code=known.code, message=message, hint=known.hint)
    return None


def _is_bug(error: Exception) -> bool:
    """Whether the server itself found fault with a statement of ours."""
    state: str | None = getattr(error, "sqlstate", None)
    return state is not None and state.startswith("42") and state != _INSUFFICIENT_PRIVILEGE
