"""The description of what is published to Kafka, as `/openapi.json` is of the routes."""

from functools import cache
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response

router = APIRouter()

_DOCUMENT = Path(__file__).parents[1] / "asyncapi.yaml"


@cache
def asyncapi() -> bytes:
    """The AsyncAPI 3.0 document."""
    return _DOCUMENT.read_bytes()


@router.get("/asyncapi.yaml", include_in_schema=False)
async def asyncapi_document() -> Response:
    """The topics, their records and the rules of delivery, as AsyncAPI 3.0."""
    return Response(asyncapi(), media_type="application/yaml")
