"""Everything the ledger may refuse, each with a stable `code` and the facts that explain it.

Refusal
├── Unacceptable             what was asked makes no sense, whatever the state
│   ├── InvalidReason · InvalidText · InvalidOrgId · InvalidSource
│   ├── NaiveTimestamp · InstantOutOfRange
│   ├── Backdated · NotInFuture · EmptyInterval · TrialTooLong
│   ├── UnknownKey · UnknownBundle · InvalidCatalog
│   └── IdempotencyKeyReused · PlanMismatch
├── Absent                   what was named does not exist
│   └── UnknownOrg (NotYetKnown) · UnknownBlock · UnknownCatalogVersion
├── Contradicted             the present state does not allow it
│   ├── GrantConflict · BlockConflict · OrgAlreadyRegistered
│   ├── TrialAlreadyUsed · TrialNotRunning · AlreadyEnabled · NotLater
│   ├── ModuleRetired · ModuleStillGranted · OrgHeldByNewerVersion
│   └── CommandRunning · PlanMoved · VersionNotReached
├── VersionMoved             the caller insisted on a version that is no longer the newest
├── NotPermitted             the actor may not do this
└── Unavailable              the ledger could not find out or could not record; nothing is decided
"""

from collections.abc import Sequence
from typing import Any


class Refusal(Exception):
    """A command or a read that was turned down; nothing was changed."""

    code = "refused"
    hint: str | None = None

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts


class Unacceptable(Refusal):
    code = "unacceptable"


class Absent(Refusal):
    code = "absent"


class Contradicted(Refusal):
    code = "contradicted"


class InvalidReason(Unacceptable):
    code = "invalid_reason"
    hint = "Say in 10 to 500 characters why, as you would to an auditor."

    def __init__(self, *, length: int) -> None:
        super().__init__(
            f"A reason has 10 to 500 characters; this one has {length}.", length=length
        )


class InvalidText(Unacceptable):
    code = "invalid_text"

    def __init__(self, *, field: str, longest: int) -> None:
        super().__init__(
            f"'{field}' must have 1 to {longest} characters, none of them a control character.",
            field=field,
            longest=longest,
        )


class NaiveTimestamp(Unacceptable):
    code = "naive_timestamp"
    hint = "Add an offset, for example 2026-01-31T12:00:00Z."

    def __init__(self, *, field: str, value: str) -> None:
        super().__init__(f"'{field}' has no time zone: {value}.", field=field, value=value)


class InstantOutOfRange(Unacceptable):
    code = "instant_out_of_range"
    hint = "Give an instant between the years 1 and 9999; leave an end out to mean none."

    def __init__(self, *, field: str, value: str) -> None:
        super().__init__(
            f"'{field}' lies outside the years 1 to 9999 in UTC: {value}.", field=field, value=value
        )


class InvalidOrgId(Unacceptable):
    code = "invalid_org_id"
    hint = (
        "Use up to 64 letters, digits, '_', '.' or '-', or a positive whole number "
        "of at most 15 digits without leading zeros."
    )

    def __init__(self, org: str) -> None:
        super().__init__(f"'{org[:80]}' is not an organisation id.", org=org[:80])


class InvalidSource(Unacceptable):
    code = "invalid_source"
    hint = (
        "Use admin, legacy, system, plan:<key>@<version>, bundle:<key> or promo:<campaign>; "
        "trials are started with start-trial."
    )

    def __init__(self, source: str) -> None:
        super().__init__(f"'{source}' is not a source a grant can have.", source=source)


class Backdated(Unacceptable):
    code = "backdated"
    hint = "Leave it out to mean now; only imports from the legacy system may reach back."

    def __init__(self, *, field: str, value: str, now: str) -> None:
        super().__init__(
            f"'{field}' lies in the past: {value} (now: {now}).", field=field, value=value, now=now
        )


class NotInFuture(Unacceptable):
    code = "not_in_future"
    hint = "Give an end after now; to take a module away now, revoke it (or set it disabled)."

    def __init__(self, *, field: str, value: str, now: str) -> None:
        super().__init__(
            f"'{field}' must lie in the future: {value} (now: {now}).",
            field=field,
            value=value,
            now=now,
        )


class EmptyInterval(Unacceptable):
    code = "empty_interval"
    hint = "'until' is exclusive and must come after 'from'."

    def __init__(self, *, starts: str, until: str) -> None:
        super().__init__(
            f"Nothing lies between 'from' {starts} and 'until' {until}.", starts=starts, until=until
        )


class TrialTooLong(Unacceptable):
    code = "trial_too_long"

    def __init__(self, *, until: str, latest: str, days: int) -> None:
        super().__init__(
            f"A trial lasts at most {days} days here: 'until' may be {latest} at the latest.",
            until=until,
            latest=latest,
            days=days,
        )


class UnknownKey(Unacceptable):
    code = "unknown_key"

    def __init__(self, key: str, *, nearest: Sequence[str] = ()) -> None:
        did_you_mean = f" Did you mean {' or '.join(repr(n) for n in nearest)}?" if nearest else ""
        super().__init__(
            f"The catalog has no module or submodule '{key}'.{did_you_mean}",
            key=key,
            nearest=list(nearest),
        )
        if not nearest:
            self.hint = "'entitlements catalog show' and GET /api/v1/catalog list what there is."


class UnknownBundle(Unacceptable):
    code = "unknown_bundle"

    def __init__(self, bundle: str, *, known: Sequence[str]) -> None:
        super().__init__(
            f"The catalog has no bundle '{bundle}'; it has {', '.join(known)}.",
            bundle=bundle,
            known=list(known),
        )


class InvalidCatalog(Unacceptable):
    code = "invalid_catalog"
    hint = "Nothing of it was taken over: mend the document and publish it again."

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems), problems=list(problems))


class IdempotencyKeyReused(Unacceptable):
    code = "idempotency_key_reused"
    hint = "Use a new Idempotency-Key, or batch id, for a different request."

    def __init__(self, *, batch: str | None = None) -> None:
        if batch is None:
            super().__init__("This Idempotency-Key was used before with another request.")
        else:
            super().__init__(
                f"Batch {batch} asked for something else of this organisation before.",
                batch_id=batch,
            )


class PlanMismatch(Unacceptable):
    code = "plan_mismatch"
    hint = "Send exactly the body that was previewed, with the plan_token its preview answered."

    def __init__(self) -> None:
        super().__init__("This plan_token belongs to another request, or is not one of ours.")


class UnknownOrg(Absent):
    code = "unknown_org"
    hint = "Register it with POST /api/v1/admin/orgs or 'entitlements org register'."

    def __init__(self, org: str) -> None:
        super().__init__(f"Organization with id {org} not found", org=org)


class NotYetKnown(UnknownOrg):
    hint = "Ask for a later known_at; 'at' alone asks what was so then, by all that is known now."

    def __init__(self, org: str, *, known_at: str, first_recorded_at: str) -> None:
        super().__init__(org)
        self.message = (
            f"Nothing about organization {org} had been recorded by {known_at}: "
            f"its first event was recorded at {first_recorded_at}."
        )
        self.facts |= {"known_at": known_at, "first_recorded_at": first_recorded_at}


class UnknownBlock(Absent):
    code = "unknown_block"
    hint = "'entitlements org show ORG' names the blocks that stand, each with its id."

    def __init__(self, block_id: str) -> None:
        super().__init__(f"This organisation has no block '{block_id}'.", block_id=block_id)


class UnknownCatalogVersion(Absent):
    code = "unknown_catalog_version"
    hint = "Versions count from 1; 'entitlements catalog show' says which one is the newest."

    def __init__(self, version: int) -> None:
        super().__init__(f"No version {version} of the catalog was published.", version=version)


class GrantConflict(Contradicted):
    code = "grant_conflict"
    hint = "Send on_conflict=supersede to end the old grant and open this one at the same instant."

    def __init__(self, key: str, *, source: str, grant_id: str, starts: str, until: str | None):
        super().__init__(
            f"'{source}' already grants '{key}' from {starts} until {until or 'further notice'}.",
            key=key,
            source=source,
            grant_id=grant_id,
            starts=starts,
            until=until,
        )


class BlockConflict(Contradicted):
    code = "block_conflict"
    hint = "Lift that block first."

    def __init__(self, *, block_id: str, category: str, starts: str, until: str | None) -> None:
        super().__init__(
            f"A '{category}' block with other terms stands there from {starts} "
            f"until {until or 'further notice'}.",
            block_id=block_id,
            category=category,
            starts=starts,
            until=until,
        )


class OrgAlreadyRegistered(Contradicted):
    code = "org_already_registered"
    hint = "If that is the one you meant, nothing is left to do; if not, take another id."

    def __init__(self, org: str, *, name: str) -> None:
        super().__init__(f"Organisation {org} is registered as '{name}'.", org=org, name=name)


class TrialAlreadyUsed(Contradicted):
    code = "trial_already_used"
    hint = "A super admin may send override_policy=true; that is recorded."

    def __init__(self, key: str, *, grant_id: str, starts: str, until: str) -> None:
        super().__init__(
            f"'{key}' was already on trial from {starts} until {until}.",
            key=key,
            grant_id=grant_id,
            starts=starts,
            until=until,
        )


class TrialNotRunning(Contradicted):
    code = "trial_not_running"
    hint = "Begin one with start-trial; 'entitlements explain' says what became of the last."

    def __init__(self, key: str) -> None:
        super().__init__(f"No trial of '{key}' is running.", key=key)


class AlreadyEnabled(Contradicted):
    code = "already_enabled"
    hint = "Send allow_latent=true to start the trial underneath."

    def __init__(self, key: str, *, sources: Sequence[str]) -> None:
        super().__init__(
            f"'{key}' is already enabled by {', '.join(sources)}.", key=key, sources=list(sources)
        )


class NotLater(Contradicted):
    code = "not_later"
    hint = "Give a later 'until'; to end the trial sooner, revoke the key."

    def __init__(self, key: str, *, until: str, current: str) -> None:
        super().__init__(
            f"The trial of '{key}' already runs until {current}; {until} is not later.",
            key=key,
            until=until,
            current=current,
        )


class ModuleRetired(Contradicted):
    code = "module_retired"
    hint = "Grant what took its place, or publish a catalog in which it is active."

    def __init__(self, key: str) -> None:
        super().__init__(f"The catalog has retired '{key}'; it can no longer be granted.", key=key)


class ModuleStillGranted(Contradicted):
    code = "module_still_granted"
    hint = "Publish with force to retire it anyway: history stays, its effective state is disabled."

    def __init__(self, keys: Sequence[str], *, orgs: int) -> None:
        super().__init__(
            f"{', '.join(keys)}: {orgs} organisation(s) still hold a live grant.",
            keys=list(keys),
            orgs=orgs,
        )


class OrgHeldByNewerVersion(Contradicted):
    code = "org_held_by_newer_version"
    hint = "Ask a process of the newer version, or finish the upgrade; other orgs are not affected."

    def __init__(self, org: str, *, by: str) -> None:
        super().__init__(
            f"Organisation {org} holds what a newer version of the ledger wrote ({by}); "
            "this version cannot judge it and leaves it as it is.",
            org=org,
            by=by,
        )


class CommandRunning(Contradicted):
    code = "command_running"
    hint = "Ask again in a moment with the same Idempotency-Key; it will answer what this one does."

    def __init__(self) -> None:
        super().__init__("A request with this Idempotency-Key is still running.")


class PlanMoved(Contradicted):
    code = "plan_moved"
    hint = "Preview again with dry_run and apply the new plan_token."

    def __init__(self, *, org: str | None = None, batch: str | None = None) -> None:
        whose, facts = f"for organisation {org}", {"org": org}
        if org is None:
            whose, facts = f"of batch {batch}", {"batch_id": batch}
        super().__init__(f"Something the preview {whose} read has moved.", **facts)


class VersionNotReached(Contradicted):
    code = "version_not_reached"
    hint = "Send an org_version that a command answered, or none to be told how it stands."

    def __init__(self, org: str, *, wanted: int, current: int) -> None:
        super().__init__(
            f"Organisation {org} is at version {current}; {wanted} does not exist.",
            org=org,
            wanted=wanted,
            current=current,
        )


class VersionMoved(Refusal):
    code = "version_moved"
    hint = "Read the organisation again, look at what came between, and send the new ETag."

    def __init__(self, org: str, *, wanted: int, current: int, between: Sequence[dict[str, Any]]):
        super().__init__(
            f"Organisation {org} is at version {current}, not {wanted}.",
            org=org,
            wanted=wanted,
            current=current,
            between=list(between),
        )


class NotPermitted(Refusal):
    code = "not_permitted"


class Unavailable(Refusal):
    code = "entitlement_unavailable"

    def __init__(self, message: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds)
