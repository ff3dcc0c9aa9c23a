"""The directory of orgs: register one, find them."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api.bodies import Body
from api.documents import OrgPage, Registered
from api.identity import Staff
from api.orders import IdempotencyKey, etag_of, last_position, provenance, terms
from api.parts import Parts
from api.render import dumped
from domain.commands import RegisterOrg
from domain.ids import org_id, org_json
from domain.orders import Order
from projections.orgs import list_orgs

router = APIRouter(prefix="/api/v1/admin/orgs", tags=["seed"])

_PLAIN = r"^[^\x00-\x1f]*$"


class RegisterBody(Body):
    """A new org."""

    id: int | Annotated[str, Field(min_length=1, max_length=64)]
    name: Annotated[str, Field(min_length=1, max_length=200)]


@router.post("", status_code=201, response_model=Registered)
async def register(
    body: RegisterBody,
    request: Request,
    parts: Parts,
    principal: Staff,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Make an org known (201); under the same name again nothing changes (200)."""
    org = org_id(body.id)
    how = terms(request, body, principal, idempotency_key=idempotency_key, if_match=None)
    answer = await parts.ledger.execute(
        Order(
            org=org,
            commands=[RegisterOrg(name=body.name)],
            by=provenance(request, principal, reason=body.reason, ticket=body.ticket),
            command_id=how.command_id,
            fingerprint=how.fingerprint,
            dry_run=body.dry_run,
            plan_token=body.plan_token,
        )
    )
    content = {
        "org_id": org_json(org),
        "name": body.name.strip(),
        "org_version": answer.org_version,
        "event_id": last_position(answer),
        "changed": answer.changed,
    }
    if answer.plan_token is not None:
        content |= {"dry_run": True, "plan_token": answer.plan_token}
    return Response(
        dumped(content),
        status_code=201 if answer.changed and not body.dry_run else 200,
        media_type="application/json",
        headers={"ETag": etag_of(answer.org_version)},
    )


@router.get("", response_model=OrgPage)
async def find(
    parts: Parts,
    principal: Staff,
    search: Annotated[
        str, Query(max_length=200, pattern=_PLAIN, description="part of a name, or an id")
    ] = "",
    after: Annotated[
        str, Query(max_length=64, pattern=_PLAIN, description="`next` of the page before")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> dict[str, Any]:
    """Orgs by id, a page at a time."""
    async with parts.ledger.reading() as connection:
        rows = await list_orgs(connection, search=search.strip(), after=after, limit=limit + 1)
    page = rows[:limit]
    return {
        "orgs": [
            {"org_id": org_json(row.org), "name": row.name, "org_version": row.org_version}
            for row in page
        ],
        "next": page[-1].org if len(rows) > limit else None,
    }
