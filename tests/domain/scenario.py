"""Given facts, when commands, then facts, refusals and states: one org's story, free of any I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Self, cast

from domain.actors import Provenance
from domain.catalog import Catalog, Key, is_submodule
from domain.commands import Command, Context
from domain.decide import Outcome, decide
from domain.effective import Lanes, denied_by, effective, effective_map, expires_at
from domain.facts import (
    AccessBlocked,
    ModuleGranted,
    OrgEvent,
    OrgRegistered,
    TrialConverted,
    TrialStarted,
    common,
)
from domain.ids import OrgId, org_stream
from domain.org import Org, rebuild
from domain.refusals import Refusal
from tests.domain.world import CATALOG, SUPER_ADMIN, morning, noon


@dataclass(frozen=True, slots=True)
class Described:
    """A fact as far as the story cares: completed where given, compared where expected."""

    kind: type[OrgEvent]
    content: Mapping[str, Any]

    def describes(self, happened: OrgEvent) -> bool:
        return type(happened) is self.kind and all(
            getattr(happened, name) == value for name, value in self.content.items()
        )

    def completed(self, stream: str, version: int) -> OrgEvent:
        """The fact at one place of a stream: what is not said is the most ordinary there is."""
        at = self.content.get("timestamp", morning)
        starts = self.content.get("starts", at)
        said = {
            **common(now=at, by=SUPER_ADMIN, effective_at=starts),
            **_ordinary(self.kind, self.content.get("key"), number=version),
            "starts": starts,
            **self.content,
            "originator_id": stream,
            "originator_version": version,
        }
        names = [field.name for field in fields(cast("Any", self.kind))]
        return self.kind(**{name: said[name] for name in names})

    def __str__(self) -> str:
        content = ", ".join(f"{name}={value!s}" for name, value in self.content.items())
        return f"{self.kind.__name__}({content})"


def fact(kind: type[OrgEvent], **content: Any) -> Described:
    """A fact of which only `content` matters."""
    return Described(kind, content)


def _ordinary(kind: type[OrgEvent], key: Key | None, *, number: int) -> dict[str, Any]:
    ordinary: dict[str, Any] = {
        "name": "Acme",
        "key": None,
        "source": "admin",
        "source_ref": None,
        "ends": None,
        "overrides": None,
        "ended_by": "revoked",
        "scope": "org",
        "category": "suspension",
    }
    if key is not None:
        scope = "submodule" if is_submodule(key) else "module"
        ordinary |= {"scope": scope, "category": "admin_off"}
    if kind in (ModuleGranted, TrialStarted, TrialConverted):
        ordinary["grant_id"] = f"grant-{number}"
    if kind is AccessBlocked:
        ordinary["block_id"] = f"block-{number}"
    return ordinary


class Scenario:
    """One org, known by its facts alone: whatever is asserted is asked of a rebuilt org."""

    def __init__(self, *, catalog: Catalog = CATALOG, registered: bool = True) -> None:
        self.catalog = catalog
        self.facts: list[OrgEvent] = []
        self._outcome: Outcome | None = None
        self._refusal: Refusal | None = None
        if registered:
            self.given(fact(OrgRegistered))

    @property
    def org(self) -> Org:
        """The org as its facts make it, anew each time."""
        return rebuild(Org.blank(org_stream(OrgId("1042"))), self.facts)

    @property
    def lanes(self) -> Lanes:
        return self.org.lanes

    @property
    def outcome(self) -> Outcome:
        """What the last commands came to.

        Raises:
            Refusal: they were refused, and the story did not say so.
        """
        if self._refusal is not None:
            raise self._refusal
        assert self._outcome is not None, "nothing was asked yet"
        return self._outcome

    def given(self, *described: Described) -> Self:
        """These facts happened before, without being decided."""
        for each in described:
            self.facts.append(each.completed(self.org.id, len(self.facts) + 1))
        return self

    def when(
        self,
        *commands: Command,
        at: datetime = noon,
        by: Provenance = SUPER_ADMIN,
        may_backdate: bool = False,
    ) -> Self:
        """These commands are judged together at one instant."""
        if self._refusal is not None:
            raise self._refusal
        context = Context(catalog=self.catalog, now=at, by=by, may_backdate=may_backdate)
        try:
            self._outcome = decide(self.org, commands, context)
        except Refusal as refusal:
            self._refusal = refusal
        else:
            self.facts += self._outcome.facts
        return self

    def then(self, *described: Described) -> Self:
        """The commands came to exactly these facts, in this order."""
        happened = self.outcome.facts
        fits = len(happened) == len(described) and all(
            each.describes(one) for each, one in zip(described, happened, strict=True)
        )
        expected = "\n  ".join(map(str, described)) or "nothing"
        found = "\n  ".join(map(str, happened)) or "nothing"
        assert fits, f"expected\n  {expected}\nbut what happened is\n  {found}"
        return self

    def then_nothing(self) -> Self:
        """The commands were accepted, and nothing changes."""
        assert not self.outcome.changed, f"{self.outcome.facts}"
        return self.then()

    def then_refused(self, refusal: type[Refusal], code: str, **facts: Any) -> Self:
        """The commands were refused with this code, and with these facts among others."""
        found, self._refusal = self._refusal, None
        assert type(found) is refusal, f"{found!r} is no {refusal.__name__}"
        assert found.code == code, f"the code is {found.code!r}"
        told = {name: found.facts.get(name) for name in facts}
        assert told == facts, f"{told} is not {facts}"
        return self

    def then_at(
        self, instant: datetime, states: Mapping[str, str] | None = None, /, **more: str
    ) -> Self:
        """The effective state of each key at `instant`, asked alone and with all the others."""
        lanes, expected = self.lanes, {**(states or {}), **more}
        every = effective_map(lanes, self.catalog, instant)
        together = {key: every[Key(key)].label for key in expected}
        alone = {key: effective(lanes, self.catalog, Key(key), instant).label for key in expected}
        assert together == expected, f"{together} is not {expected} at {instant}"
        assert alone == expected, f"{alone} is not {expected} at {instant}"
        return self

    def then_denied(self, key: Key, by: str | None, *, at: datetime = noon) -> Self:
        """Why `key` is disabled."""
        found = denied_by(self.lanes, self.catalog, key, at)
        assert found == by, f"'{key}' is denied by {found!r}, not by {by!r}"
        return self

    def then_expires(self, key: Key, on: datetime | None, *, at: datetime = noon) -> Self:
        """When the effective state of `key` next changes downward by itself."""
        found = expires_at(self.lanes, self.catalog, key, at)
        assert found == on, f"'{key}' expires at {found}, not at {on}"
        return self

    def then_granted_by(self, *sources: str) -> Self:
        """The sources that still grant what was named."""
        found = self.outcome.remaining_sources
        assert found == sources, f"{found} is not {sources}"
        return self

    def then_warned(self, *parts: str) -> Self:
        """The author is warned once for each of `parts`, in which it stands."""
        found = self.outcome.warnings
        fits = len(found) == len(parts) and all(
            part in warning for part, warning in zip(parts, found, strict=True)
        )
        assert fits, f"{found} does not say {parts}"
        return self
