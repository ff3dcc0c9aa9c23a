"""Bodies of AuthZEN; fields that nobody here knows are ignored, as the standard asks."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MOST_EVALUATIONS = 1000
MOST_RESULTS = 1000

Text = Annotated[str, Field(min_length=1, max_length=500)]
Properties = dict[str, Any]


class _Open(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Typed(_Open):
    """A subject or resource of which only the type counts."""

    type: Text
    properties: Properties | None = None


class Entity(Typed):
    """A subject (`user`, `org`) or a resource (`module`)."""

    id: Text


class Action(_Open):
    """`use`, or a permission that must be held as well."""

    name: Text
    properties: Properties | None = None


class Evaluation(_Open):
    """May the subject do this?"""

    subject: Entity
    action: Action
    resource: Entity
    context: Properties | None = None


class PartialEntity(_Open):
    """A subject or a resource, perhaps without what the batch says for all."""

    type: Text | None = None
    id: Text | None = None
    properties: Properties | None = None


class PartialAction(_Open):
    """An action, perhaps without its name."""

    name: Text | None = None
    properties: Properties | None = None


class Partial(_Open):
    """What an evaluation of a batch says for itself; the rest comes from the batch."""

    subject: PartialEntity | None = None
    action: PartialAction | None = None
    resource: PartialEntity | None = None
    context: Properties | None = None


class Options(_Open):
    """How a batch is carried out."""

    evaluations_semantic: Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"] = (
        "execute_all"
    )


class Evaluations(Partial):
    """Several evaluations; what they have in common may stand at the top."""

    # Each is read by itself, as a Partial: what is wrong with one is no matter to the others.
    evaluations: list[Any] | None = Field(default=None, max_length=MOST_EVALUATIONS)
    options: Options | None = None


class Page(_Open):
    """Which page, by the `next_token` of the one before."""

    token: Annotated[str, Field(max_length=500)] | None = None
    next_token: Annotated[str, Field(max_length=500)] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_RESULTS)] = 100


class _Search(_Open):
    context: Properties | None = None
    page: Page = Page()


class SubjectSearch(_Search):
    """Which subjects of a type may do this?"""

    subject: Typed
    action: Action
    resource: Entity


class ResourceSearch(_Search):
    """Of which resources may the subject do this?"""

    subject: Entity
    action: Action
    resource: Typed


class ActionSearch(_Search):
    """What may the subject do with the resource?"""

    subject: Entity
    resource: Entity


class Decision(BaseModel):
    """The answer; `context` says why, and by which versions."""

    decision: bool
    context: dict[str, Any]


class Decisions(BaseModel):
    """The answers in the order of the questions; fewer where the semantic ended early."""

    evaluations: list[Decision]


class NextPage(BaseModel):
    """`next_token` is empty on the last page."""

    next_token: str
    count: int


class Results(BaseModel):
    """One page of what was found."""

    results: list[dict[str, str]]
    page: NextPage


class Configuration(BaseModel):
    """What this decision point can do, and where."""

    policy_decision_point: str
    access_evaluation_endpoint: str
    access_evaluations_endpoint: str
    search_subject_endpoint: str
    search_resource_endpoint: str
    search_action_endpoint: str
