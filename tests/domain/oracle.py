"""A second opinion on effective state: `semantics.md` over plain dicts, sharing no code with it."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

MODULES = {
    "crm": ["crm.leads", "crm.forecasts", "crm.archive"],
    "hr": ["hr.payroll"],
    "manufacturing": [],
    "fax": [],
    "email": ["email.templates"],
    "settings": [],
}
OFF_BY_DEFAULT = {"crm.forecasts", "crm.archive"}
RETIRED = {"crm.archive", "fax"}
EXEMPT = {"email", "email.templates", "settings"}
BILLABLE = ["crm", "hr", "manufacturing", "fax"]
KEYS = [key for module, submodules in MODULES.items() for key in (module, *submodules)]

RANKS = ["disabled", "trial", "enabled"]

Interval = dict[str, Any]
Rules = dict[str, set[str]]

RULES: Rules = {"off": OFF_BY_DEFAULT, "retired": RETIRED, "exempt": EXEMPT}
"""What a catalog says of the keys, beside which there are."""


class Oracle:
    """Every grant and every block there ever was, each with the interval it came to."""

    def __init__(self) -> None:
        self.grants: dict[str, Interval] = {}
        self.blocks: dict[str, Interval] = {}

    def hear(self, topic: str, told: dict[str, Any]) -> None:
        """Take in one fact by the name of its topic."""
        match topic.split(".")[1]:
            case "ModuleGranted":
                self._open(told, kind="full", source=told["source"], until=told["ends"])
            case "TrialStarted":
                self._open(told, kind="trial", source="trial", until=told["ends_at"])
            case "TrialExtended":
                self.grants[told["grant_id"]]["until"] = told["ends_at"]
            case "TrialConverted":
                self.grants[told["trial_id"]]["until"] = told["effective_at"]
                told = told | {"starts": told["effective_at"]}
                self._open(told, kind="full", source=told["source"], until=None)
            case "GrantEnded":
                self.grants[told["grant_id"]]["until"] = told["effective_at"]
            case "AccessBlocked":
                names = ("scope", "key", "category")
                block = {name: told[name] for name in names}
                block |= {"from": told["starts"], "until": told["ends"]}
                self.blocks[told["block_id"]] = block
            case "AccessUnblocked":
                self.blocks[told["block_id"]]["until"] = told["effective_at"]

    def _open(
        self, told: dict[str, Any], *, kind: str, source: str, until: datetime | None
    ) -> None:
        slot = (told["key"], source, told["source_ref"])
        grant = {"key": told["key"], "kind": kind, "slot": slot}
        self.grants[told["grant_id"]] = grant | {"from": told["starts"], "until": until}

    def own(self, key: str, at: datetime) -> str:
        kinds = {g["kind"] for g in self.grants.values() if g["key"] == key and active(g, at)}
        return "enabled" if "full" in kinds else "trial" if "trial" in kinds else "disabled"

    def blocked(self, key: str, at: datetime) -> bool:
        module = key.split(".", maxsplit=1)[0]
        return any(b["key"] in (None, key, module) and active(b, at) for b in self.blocks.values())

    def effective(self, key: str, at: datetime, rules: Rules = RULES) -> str:
        module = key.split(".", maxsplit=1)[0]
        if key in rules["retired"] or module in rules["retired"]:
            return "disabled"
        if key in rules["exempt"]:
            return "enabled"
        if self.blocked(key, at):
            return "disabled"
        state = self.own(module, at)
        if key in rules["off"]:
            return min(state, self.own(key, at), key=RANKS.index)
        return state

    def states(self, at: datetime, rules: Rules = RULES) -> dict[str, str]:
        return {key: self.effective(key, at, rules) for key in KEYS}

    def boundaries(self, *, since: datetime) -> list[datetime]:
        """Where anything begins or ends, not before `since`."""
        intervals = [*self.grants.values(), *self.blocks.values()]
        edges = {interval[end] for interval in intervals for end in ("from", "until")}
        return sorted(edge for edge in edges if edge is not None and edge >= since)

    def expiry(self, key: str, *, after: datetime) -> datetime | None:
        """The first instant after `after` at which `key` is lower than just before."""
        before = after
        for edge in self.boundaries(since=after):
            if edge > after:
                states = self.effective(key, before), self.effective(key, edge)
                if RANKS.index(states[1]) < RANKS.index(states[0]):
                    return edge
                before = edge
        return None


def active(interval: Interval, at: datetime) -> bool:
    return bool(interval["from"] <= at and (interval["until"] is None or at < interval["until"]))


def lowered(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The keys whose state is lower after than before."""
    return [key for key in before if RANKS.index(after[key]) < RANKS.index(before[key])]


def both(instants: Iterable[datetime], *, apart: Any) -> Iterator[datetime]:
    """Each instant, and its neighbours on both sides."""
    for instant in instants:
        yield from (instant - apart, instant, instant + apart)
