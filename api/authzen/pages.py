"""Pages of a search: a token says after what to go on, and goes with one question only."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from pydantic import BaseModel

from api.authzen.documents import Page
from domain.refusals import Unacceptable

_NAMES: dict[str, Any] = {
    "subject": {"type", "id"},
    "action": {"name"},
    "resource": {"type", "id"},
}


class InvalidPage(Unacceptable):
    """The token is of no page of this search."""

    code = "invalid_page"

    def __init__(self) -> None:
        super().__init__("'page.token' is of no page of this search; begin without one.")


def after(page: Page, question: BaseModel) -> str:
    """After what the wanted page begins, "" for the first."""
    token = page.token or page.next_token
    if not token:
        return ""
    try:
        digest, _, last = urlsafe_b64decode(token.encode("ascii")).decode("ascii").partition("~")
    except ValueError as error:
        raise InvalidPage from error
    if digest != _digest(question):
        raise InvalidPage
    return last


def page(results: list[dict[str, str]], *, last: str | None, question: BaseModel) -> dict[str, Any]:
    """One page, which says after what the next one begins."""
    token = ""
    if last is not None:
        token = urlsafe_b64encode(f"{_digest(question)}~{last}".encode()).decode()
    return {"results": results, "page": {"next_token": token, "count": len(results)}}


def _digest(question: BaseModel) -> str:
    asked = json.dumps(question.model_dump(include=_NAMES), sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()[:16]
