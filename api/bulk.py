"""From rows as they were written to the rows of a batch, by the same bodies as single commands."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import ValidationError

from api.bodies import Body
from api.routes.commands import COMMANDS
from api.row_files import Fields, Format, read_fields
from domain.actors import Provenance
from domain.bulk_rows import AnyRow, Row, Unusable
from domain.ids import OrgId, org_id
from domain.refusals import Refusal, Unacceptable

Word = Callable[[str, str | None], Provenance]
"""Whoever asks, with a reason and a ticket."""

_OF_THE_BATCH = frozenset(("dry_run", "plan_token"))
_MOST_TOLD = 3  # of what is wrong about one row


class InvalidRow(Unacceptable):
    """One row makes no sense by itself; the sentence names its fields."""

    code = "invalid_request"


class UnknownCommand(Unacceptable):
    """A row asks for something there is not."""

    code = "unknown_command"

    def __init__(self, command: Any) -> None:
        known = ", ".join(sorted(COMMANDS))
        super().__init__(f"There is no command {str(command)[:80]!r}; there are {known}.")


def read_rows(
    content: bytes, *, form: Format, reason: str | None, ticket: str | None, word: Word
) -> list[AnyRow]:
    """The rows of a file; those that make no sense are kept with what is wrong about them.

    Args:
        reason: of the rows that have none of their own, as is `ticket`.

    Raises:
        MalformedRows, UnknownColumn, TooManyRows: it is no file of rows.
        InvalidReason, InvalidText: what was given for all rows is none.
    """
    if reason is not None:
        word(reason, ticket)
    words = cache(word)
    given = {"reason": reason, "ticket": ticket}
    shared = {name: value for name, value in given.items() if value is not None}
    rows = read_fields(content, form=form, known=columns())
    return [
        _read(number, fields, shared=shared, word=words)
        for number, fields in enumerate(rows, start=1)
    ]


@cache
def columns() -> tuple[str, ...]:
    """Every field a row may have: the commands' own first, reason and ticket last."""
    names = dict.fromkeys(name for shape in COMMANDS.values() for name in _fields(shape))
    common = dict.fromkeys(_fields(Body))
    return ("org", "command", *(name for name in names if name not in common), *common)


def _fields(shape: type[Body]) -> Iterator[str]:
    for name, field in shape.model_fields.items():
        if name not in _OF_THE_BATCH:
            yield field.alias or name


def _read(number: int, fields: Fields, *, shared: Fields, word: Word) -> AnyRow:
    org: OrgId | None = None
    command = fields.get("command")
    try:
        org = _org(fields)
        shape = COMMANDS.get(command) if isinstance(command, str) else None
        if shape is None:
            raise UnknownCommand(command)
        body = _body(shape, fields, shared)
        return Row(
            number=number,
            org=org,
            command=str(command),
            asked=body.commands,
            by=word(body.reason, body.ticket),
            content=body.model_dump(mode="json", by_alias=True, exclude=set(_OF_THE_BATCH)),
        )
    except Refusal as refusal:
        named = command[:80] if isinstance(command, str) else None
        return Unusable(number=number, org=org, command=named, refusal=refusal)


def _org(fields: Fields) -> OrgId:
    raw = fields.get("org")
    if isinstance(raw, bool) or not isinstance(raw, str | int):
        raise InvalidRow("org: an organisation id is required.")
    return org_id(raw)


def _body(shape: type[Body], fields: Fields, shared: Fields) -> Body:
    own = {name: value for name, value in fields.items() if name not in ("org", "command")}
    for name in _OF_THE_BATCH & own.keys():
        raise InvalidRow(f"{name}: it is given once, for the whole batch.")
    try:
        return shape.model_validate(shared | own)
    except ValidationError as error:
        told = "; ".join(_told(problem) for problem in error.errors()[:_MOST_TOLD])
        raise InvalidRow(told) from None


def _told(problem: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in problem["loc"])
    message = str(problem["msg"]).removeprefix("Value error, ")
    return f"{place[:80]}: {message}" if place else message
