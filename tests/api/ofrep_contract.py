"""What OFREP 0.3 fixes of its two routes, as an OpenAPI document of our own words."""

from typing import Any

_TEXT = {"type": "string"}
_CODES = ["PARSE_ERROR", "TARGETING_KEY_MISSING", "INVALID_CONTEXT", "GENERAL"]


def _object(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


def _answers(schema: dict[str, Any] | None) -> dict[str, Any]:
    content = {} if schema is None else {"content": {"application/json": {"schema": schema}}}
    return {"description": "as the protocol says", **content}


def _failure(*required: str, codes: list[str]) -> dict[str, Any]:
    return _answers(
        _object(
            (*required, "errorCode"),
            key=_TEXT,
            errorCode={"type": "string", "enum": codes},
            errorDetails=_TEXT,
        )
    )


_SCALAR = {"oneOf": [{"type": kind} for kind in ("boolean", "string", "number")]}
_FLAG = _object(
    ("value",),
    key=_TEXT,
    value={"type": ["boolean", "string", "number", "object"]},
    reason=_TEXT,
    variant=_TEXT,
    metadata={"type": "object", "additionalProperties": _SCALAR},
)
_STREAM = _object(("type",), type=_TEXT, url=_TEXT, inactivityDelaySec={"type": "integer"})
_BULK = _object(
    ("flags",),
    flags={"type": "array", "items": _FLAG},
    eventStreams={"type": "array", "items": _STREAM},
    metadata={"type": "object", "additionalProperties": _SCALAR},
)
# To the protocol these are any texts. Ones that mean something here are named, as others would
# hardly ever be hit upon; what breaks the document asks for all the others.
_CONTEXT = _object(("targetingKey",), targetingKey={"type": "string", "enum": ["1", "2"]})
_BODY = {"content": {"application/json": {"schema": _object(("context",), context=_CONTEXT)}}}
_KEY = {
    "name": "key",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "enum": ["crm", "email", "crn"]},
}
_ETAG = {"name": "If-None-Match", "in": "header", "schema": _TEXT}
_ALWAYS = {status: _answers(None) for status in ("401", "403", "429", "500")}

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "OFREP", "version": "0.3.0"},
    "paths": {
        "/ofrep/v1/evaluate/flags/{key}": {
            "post": {
                "parameters": [_KEY],
                "requestBody": _BODY,
                "responses": {
                    "200": _answers(_FLAG),
                    "400": _failure("key", codes=_CODES),
                    "404": _failure("key", codes=["FLAG_NOT_FOUND"]),
                    **_ALWAYS,
                },
            }
        },
        "/ofrep/v1/evaluate/flags": {
            "post": {
                "parameters": [_ETAG],
                "requestBody": _BODY,
                "responses": {
                    "200": _answers(_BULK),
                    "304": _answers(None),
                    "400": _failure(codes=_CODES),
                    **_ALWAYS,
                },
            }
        },
    },
}
