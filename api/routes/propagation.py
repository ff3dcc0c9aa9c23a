"""Propagation receipts: subscribers say what they have applied, and it shows who is behind."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from api.identity import AllSeeing, Auditor, NamedOrg
from api.parts import Parts
from domain.ids import OrgId, org_id, org_json
from domain.instants import iso
from domain.refusals import UnknownOrg
from projections.receipts import note_receipts, propagation_of

router = APIRouter(prefix="/api/v1", tags=["operations"])

MOST_RECEIPTS = 1_000
_LARGEST = 2**53


class Applied(BaseModel):
    """That a subscriber has applied an org at a version."""

    model_config = ConfigDict(extra="forbid")

    org_id: int | str
    org_version: Annotated[int, Field(ge=0, le=_LARGEST)]


class Receipts(BaseModel):
    """What a subscriber has applied; it is named by its token, several of one by `instance`."""

    model_config = ConfigDict(extra="forbid")

    ledger_epoch: Annotated[int, Field(ge=1, le=2**31 - 1)]
    applied: Annotated[list[Applied], Field(min_length=1, max_length=MOST_RECEIPTS)]
    instance: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")] | None = None


class Noted(BaseModel):
    """The name under which receipts were noted, and of how many orgs that there are."""

    subscriber: str
    noted: int


class Reported(BaseModel):
    """What one subscriber has reported of the org; null where of others only."""

    subscriber: str
    ledger_epoch: int | None
    org_version: int | None
    reported_at: str
    behind: bool


class PropagationShown(BaseModel):
    """Who has a version of an org, and who is behind. `published`: to Kafka; null without one."""

    org_id: int | str
    version: int
    org_version: int
    ledger_epoch: int
    published: bool | None
    behind: list[str]
    subscribers: list[Reported]


@router.post("/propagation/receipts", response_model=Noted)
async def report(body: Receipts, parts: Parts, principal: AllSeeing) -> dict[str, Any]:
    """Report which version of each org the caller has applied. Nothing is decided by it."""
    name = principal.sub if body.instance is None else f"{principal.sub}/{body.instance}"
    versions: dict[OrgId, int] = {}
    for each in body.applied:
        org = org_id(str(each.org_id))
        versions[org] = max(each.org_version, versions.get(org, 0))
    async with parts.ledger.reading() as connection:
        noted = await note_receipts(connection, name, epoch=body.ledger_epoch, versions=versions)
    return {"subscriber": name, "noted": noted}


@router.get("/orgs/{org}/propagation", response_model=PropagationShown)
async def propagation(
    org: NamedOrg,
    parts: Parts,
    principal: Auditor,
    version: Annotated[
        int | None, Query(ge=0, le=_LARGEST, description="without one, the present version")
    ] = None,
) -> dict[str, Any]:
    """Which subscribers have a version of an org, as far as they have reported."""
    async with parts.ledger.reading() as connection:
        found = await propagation_of(connection, org)
    if found is None:
        raise UnknownOrg(org)
    wanted = found.version if version is None else version
    behind = found.behind(wanted)
    return {
        "org_id": org_json(org),
        "version": wanted,
        "org_version": found.version,
        "ledger_epoch": found.epoch,
        "published": found.published,
        "behind": behind,
        "subscribers": [
            {
                "subscriber": receipt.subscriber,
                "ledger_epoch": receipt.epoch,
                "org_version": receipt.version,
                "reported_at": iso(receipt.reported_at),
                "behind": receipt.subscriber in behind,
            }
            for receipt in found.receipts
        ],
    }
