"""AuthZEN's subjects, actions and resources as questions to the decision, and its answers."""

from collections.abc import Sequence
from typing import Any, NamedTuple, get_args

from api.authzen.documents import Action, Entity, Properties
from api.checking import may_ask, may_ask_of
from api.denials import reason_of
from api.parts import ApiParts
from api.standing import present
from api.tokens import Principal, Role
from domain.ids import OrgId, org_id
from domain.refusals import InvalidOrgId, Refusal

USE, MODULE, ORG, USER = "use", "module", "org", "user"


class Denied(Exception):
    """The question is about nothing that the ledger knows, so the answer is no."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Who(NamedTuple):
    """A subject: in which org it wants something, and as whom."""

    org: OrgId
    about: Principal


def subject(principal: Principal, entity: Entity, context: Properties | None) -> Who:
    """Whom a question is about.

    Raises:
        NotPermitted: the caller may not ask about that subject.
        Denied: it is nobody who could have anything.
    """
    if entity.type not in (ORG, USER):
        raise Denied("unknown_subject_type", "Subjects are of the type 'user' or 'org'.")
    stated = {**(context or {}), **(entity.properties or {})}
    org = _org(entity.id if entity.type == ORG else stated.get("org_id", principal.org))
    may_ask_of(principal, org, another_time=False)
    if principal.role not in ("super_admin", "service") and _itself(principal, entity):
        return Who(org, principal)  # as the token says, whatever the body does
    about = Principal(sub=entity.id, role=_role(entity), org=org, permissions=_permissions(entity))
    may_ask(principal, about=about)
    return Who(org, about)


def permission_of(action: Action) -> str | None:
    """The permission an action asks for; using a module asks for none."""
    return None if action.name == USE else action.name


def key_of(resource: Entity) -> str:
    """The catalog key of a resource.

    Raises:
        Denied: it is no module.
    """
    if resource.type != MODULE:
        raise Denied("unknown_resource_type", "Resources are of the type 'module'.")
    return resource.id


async def decide(
    parts: ApiParts,
    who: Who,
    keys: Sequence[str],
    permission: str | None,
    *,
    counted: bool = True,
) -> list[dict[str, Any]]:
    """The decisions about keys; a Refusal where they cannot be found out."""
    asking, found = await present(
        parts, [who.org], about=who.about, permission=permission, counted=counted
    )
    known = found[who.org]
    if isinstance(known, Refusal):
        raise known
    return asking.read(who.org, known, keys)


def answer(decision: dict[str, Any], permission: str | None) -> dict[str, Any]:
    """A decision as AuthZEN answers it."""
    told = {name: value for name, value in decision.items() if name != "allowed"}
    if decision["allowed"]:
        return {"decision": True, "context": told}
    sentence = reason_of(decision["denied_by"], decision["code"])
    return _denial(decision["denied_by"], sentence, told | {"permission": permission})


def denied(denial: Denied) -> dict[str, Any]:
    """The answer where there was nothing to decide."""
    return _denial(denial.code, str(denial), {"code": denial.code})


def _denial(code: str, sentence: str, more: dict[str, Any]) -> dict[str, Any]:
    reasons = {"reason_admin": {"en": f"{code}: {sentence}"}, "reason_user": {"en": sentence}}
    return {"decision": False, "context": reasons | more}


def _org(raw: object) -> OrgId:
    if raw is None:
        raise Denied("no_organization", "A user belongs to 'properties.org_id'; there is none.")
    if isinstance(raw, bool) or not isinstance(raw, str | int):
        raise Denied("unknown_org", "An organisation is a string or an integer.")
    try:
        return org_id(raw)
    except (InvalidOrgId, ValueError) as error:  # ValueError: more digits than Python reads
        raise Denied("unknown_org", "The subject's organisation cannot exist.") from error


def _itself(principal: Principal, entity: Entity) -> bool:
    """Whether one asks about oneself, or plainly about one's org."""
    return entity.type == ORG or entity.id == principal.sub


def _role(entity: Entity) -> Role:
    role = (entity.properties or {}).get("role") if entity.type == USER else None
    return next((known for known in get_args(Role) if known == role), "user")


def _permissions(entity: Entity) -> tuple[str, ...]:
    listed = (entity.properties or {}).get("permissions") if entity.type == USER else None
    return tuple(p for p in listed if isinstance(p, str)) if isinstance(listed, list) else ()
