"""Native commands: `POST /orgs/{org}/commands/{command}`."""

from typing import Any

from fastapi import APIRouter, Request, Response

from api.bodies import (
    ApplyBundleBody,
    BlockBody,
    Body,
    CancelScheduledBody,
    ConvertTrialBody,
    ExtendTrialBody,
    GrantBody,
    RemoveBundleBody,
    ResumeBody,
    RevokeBody,
    SetSubmoduleBody,
    StartTrialBody,
    SuspendBody,
    UnblockBody,
)
from api.documents import CommandAnswer
from api.identity import Commander, NamedOrg
from api.orders import IdempotencyKey, IfMatch, command_answer, provenance, terms
from api.parts import Parts
from domain.orders import Order

COMMANDS: dict[str, type[Body]] = {
    "grant": GrantBody,
    "revoke": RevokeBody,
    "start-trial": StartTrialBody,
    "extend-trial": ExtendTrialBody,
    "convert-trial": ConvertTrialBody,
    "block": BlockBody,
    "unblock": UnblockBody,
    "set-submodule": SetSubmoduleBody,
    "cancel-scheduled": CancelScheduledBody,
    "apply-bundle": ApplyBundleBody,
    "remove-bundle": RemoveBundleBody,
    "suspend": SuspendBody,
    "resume": ResumeBody,
}

router = APIRouter(prefix="/api/v1/orgs/{org}/commands", tags=["commands"])


def _add(name: str, shape: type[Body]) -> None:
    async def command(
        org: NamedOrg,
        body: Any,
        request: Request,
        parts: Parts,
        principal: Commander,
        idempotency_key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response:
        how = terms(request, body, principal, idempotency_key=idempotency_key, if_match=if_match)
        answer = await parts.ledger.execute(
            Order(
                org=org,
                commands=body.commands,
                by=provenance(request, principal, reason=body.reason, ticket=body.ticket),
                command_id=how.command_id,
                fingerprint=how.fingerprint,
                if_match=how.if_match,
                dry_run=body.dry_run,
                plan_token=body.plan_token,
            )
        )
        return command_answer(answer)

    command.__annotations__["body"] = shape  # FastAPI reads shapes from annotations alone
    router.post(
        f"/{name}",
        summary=(shape.__doc__ or "").rstrip("."),
        operation_id=name.replace("-", "_"),
        response_model=CommandAnswer,
    )(command)


for _name, _shape in COMMANDS.items():
    _add(_name, _shape)
