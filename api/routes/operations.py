"""For those who keep it running: alive, ready, and what is counted."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse

from api.parts import Parts

router = APIRouter(tags=["operations"])


@router.get("/", include_in_schema=False)
async def root() -> Response:
    """Whoever opens the address in a browser."""
    return RedirectResponse("/docs")


@router.get("/livez")
async def livez() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(parts: Parts) -> Response:
    """Whether the process can do its work: each dependency, and how far each view lags."""
    checks = await parts.readiness()
    ready = all(check.ok for check in checks)
    body: dict[str, Any] = {
        "status": "ready" if ready else "not ready",
        "checks": {check.name: {"ok": check.ok, **check.facts} for check in checks},
    }
    return JSONResponse(body, status_code=200 if ready else 503)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request, parts: Parts) -> Response:
    """What the processes of this server counted: OpenMetrics where `Accept` names it."""
    body, content_type = await parts.metrics(request.headers.get("accept", ""))
    return Response(body, headers={"Content-Type": content_type})
