"""An evaluation of a batch made whole from what all of them share."""

from typing import Any

from pydantic import ValidationError

from api.authzen.documents import Evaluation, Partial
from domain.refusals import Unacceptable

_IDENTIFIERS = ("type", "id", "name")


class Incomplete(Unacceptable):
    """An evaluation lacks what the batch does not say either, or is none at all."""

    code = "incomplete_evaluation"

    def __init__(self, error: ValidationError) -> None:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"][:2])
        super().__init__(f"{where or 'evaluation'}: {first['msg']}")


def whole(shared: Partial, item: object) -> Evaluation:
    """What an item says comes first; of an entity, all but its identifiers is the item's alone.

    A context is no entity: that of an item stands in the place of the shared one.

    Raises:
        Incomplete: both together are no evaluation.
    """
    try:
        own = _said(Partial.model_validate(item))
        defaults = _said(shared)
        return Evaluation.model_validate(
            {
                field: _one(field, own.get(field), defaults.get(field))
                for field in Evaluation.model_fields
            }
        )
    except ValidationError as error:
        raise Incomplete(error) from error


def _said(partial: Partial) -> dict[str, Any]:
    return {
        field: value if field == "context" else value.model_dump(exclude_none=True)
        for field in Evaluation.model_fields
        if (value := getattr(partial, field)) is not None
    }


def _one(field: str, own: Any, default: Any) -> Any:
    if own is None or default is None or field == "context":
        return default if own is None else own
    return {name: default[name] for name in _IDENTIFIERS if name in default} | own
