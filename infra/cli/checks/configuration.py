"""The settings: each with its value or its default, and no secret in clear."""

import re
from collections.abc import Iterator

from infra.cli.checks.finding import Finding
from infra.settings import Settings, SettingsProblem, unknown_variables, variable_of

HIDDEN = "***"
_SECRETS = frozenset(("jwt_secret",))
_USER_INFO = re.compile(r"(?<=//)[^/@]*@")  # of any URL
_PASSWORD = re.compile(r"(?i)(password\s*=\s*)('[^']*'|[^\s&]+)")  # of a libpq address


def check_settings(settings: Settings) -> Iterator[Finding]:
    """A finding for each setting."""
    for field in Settings.model_fields:
        value = getattr(settings, field)
        if field not in settings.model_fields_set:
            shown = "none" if value is None else str(value)
            yield Finding.ok(variable_of(field), f"{shown} (default)")
        else:
            yield Finding.ok(variable_of(field), masked(field, str(value)))
    for variable in unknown_variables():
        mend = "Unset it, or correct its name."
        yield Finding.warn(variable, "is no setting of this version", mend=mend)


def unusable_settings(problem: SettingsProblem) -> Finding:
    """The finding of an environment that makes no configuration."""
    return Finding.problem("settings", str(problem), mend="Set or unset the variables named here.")


def masked(field: str, value: str) -> str:
    """A setting's value as anybody may read it."""
    if field in _SECRETS:
        return f"{HIDDEN} ({len(value)} characters)"
    return _PASSWORD.sub(rf"\g<1>{HIDDEN}", _USER_INFO.sub(_hide, value))


def _hide(found: re.Match[str]) -> str:
    user, colon, _ = found[0].partition(":")
    return f"{user}:{HIDDEN}@" if colon else found[0]
