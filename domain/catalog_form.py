"""The form a catalog document must have, and every place where one departs from it.

```
{"longest_trial_days"?: 90,
 "modules": [{"id", "key", "kind", "display_name", "description"?, "icon"?, "sort_order",
              "is_active"?, "aliases"?, "submodules"?: [{"id", "key", "display_name",
              "description"?, "menu_path"?, "permission"?, "sort_order", "is_active"?,
              "aliases"?, "default"?: "on" | "off"}]}],
 "bundles"?: [{"key", "display_name", "description"?, "modules": [key]}],
 "role_permissions"?: {role: [permission]}}
```
"""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from domain.catalog import Kind
from domain.texts import printable

_LONGEST_NUMBER = 15  # digits a JSON number carries exactly in every client
_SHOWN = 80  # characters of a wrong value that its problem repeats

_SUBMODULE = {
    "id": int,
    "key": str,
    "display_name": str,
    "description?": str | None,
    "menu_path?": str | None,
    "permission?": str | None,
    "sort_order": int,
    "is_active?": bool,
    "aliases?": [str],
    "default?": ("on", "off"),
}
_MODULE = {
    "id": int,
    "key": str,
    "kind": get_args(Kind),
    "display_name": str,
    "description?": str | None,
    "icon?": str | None,
    "sort_order": int,
    "is_active?": bool,
    "aliases?": [str],
    "submodules?": [_SUBMODULE],
}
_BUNDLE = {"key": str, "display_name": str, "description?": str | None, "modules": [str]}
_ANY_NAME = "*"
_DOCUMENT = {
    "longest_trial_days?": int,
    "modules": [_MODULE],
    "bundles?": [_BUNDLE],
    "role_permissions?": {_ANY_NAME: [str]},
}

_WORDS: dict[Any, str] = {
    str: "text",
    str | None: "text or null",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "an object",
    type(None): "null",
}


def misshapen(document: object) -> Iterator[str]:
    """Each place where `document` has not a catalog's form; fields the form does not know pass.

    A newer release may write such fields, and the one before it must still read the document.
    """
    return _object(document, _DOCUMENT, at="")


def _value(value: object, form: Any, *, at: str) -> Iterator[str]:
    match form:
        case dict():
            yield from _object(value, form, at=at)
        case [inner] if isinstance(form, list):
            yield from _list(value, inner, at=at)
        case tuple():
            if value not in form:
                shown = repr(value[:_SHOWN]) if isinstance(value, str) else _word(value)
                yield f"{at} is {shown}, not one of {', '.join(form)}"
        case _:
            yield from _leaf(value, form, at=at)


def _object(value: object, form: Mapping[str, Any], *, at: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{at or 'the document'} is {_word(value)}, not an object"
        return
    for name, inner in form.items():
        if name == _ANY_NAME:
            for each, item in value.items():
                yield from _value(item, inner, at=f"{at}.{each[:_SHOWN]}")
            continue
        field = name.removesuffix("?")
        if field in value:
            yield from _value(value[field], inner, at=f"{at}.{field}" if at else field)
        elif field == name:
            yield f"{at or 'the document'} lacks the field '{field}'"


def _list(value: object, form: Any, *, at: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{at} is {_word(value)}, not a list"
        return
    for place, item in enumerate(value):
        key = item.get("key") if isinstance(item, Mapping) else None
        label = key[:_SHOWN] if isinstance(key, str) and key else place
        yield from _value(item, form, at=f"{at}[{label}]")


def _leaf(value: object, form: Any, *, at: str) -> Iterator[str]:
    if not isinstance(value, form) or (isinstance(value, bool) and form is not bool):
        yield f"{at} is {_word(value)}, not {_WORDS[form]}"
    elif isinstance(value, int) and abs(value) >= 10**_LONGEST_NUMBER:
        yield f"{at} has more than {_LONGEST_NUMBER} digits"
    elif isinstance(value, str) and form is str and not value.strip():
        yield f"{at} is empty"
    elif isinstance(value, str) and not printable(value):
        yield f"{at} has a control character"


def _word(value: object) -> str:
    return _WORDS.get(type(value), type(value).__name__)
