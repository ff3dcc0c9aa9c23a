"""Changing the rollout: what each command records, and what it is refused for."""

from collections.abc import Sequence
from typing import cast

import pytest

from domain.actors import Provenance
from domain.catalog import Key
from domain.evidence import Evidence, Watched
from domain.facts import LedgerEvent
from domain.gating import EVERYBODY
from domain.ids import OrgId
from domain.phases import ROLES, STEPS
from domain.refusals import NotPermitted, UnknownKey
from domain.rollout import Rollout, rebuilt
from domain.steering import (
    Advance,
    ExemptModule,
    ExemptOrgs,
    ForceOrgs,
    InvalidShare,
    InvalidStep,
    Kill,
    PlanFinished,
    PromotionRefused,
    Resume,
    SetDefault,
    SetShare,
    SignOff,
    SignOffMissing,
    Steer,
    SteeringContext,
    TooManyOrgs,
)
from tests.domain.world import CATALOG, CRM, ORG_ADMIN, SUPER_ADMIN, noon

ACME, OTHER = OrgId("acme"), OrgId("other")


def collected(rollout: Rollout) -> list[LedgerEvent]:
    return cast("list[LedgerEvent]", rollout.collect_events())


def steered(
    *commands: Steer,
    after: Sequence[Steer] = (),
    evidence: Evidence | None = None,
    by: Provenance = SUPER_ADMIN,
) -> tuple[Rollout, list[str]]:
    """The rollout after `commands`, and the topics of what they recorded."""
    rollout = Rollout.blank()
    for command in after:
        command.decide(
            rollout,
            SteeringContext(now=noon, by=SUPER_ADMIN, catalog=CATALOG),
        )
    rollout.collect_events()
    context = SteeringContext(now=noon, by=by, catalog=CATALOG, evidence=evidence or Evidence())
    for command in commands:
        command.decide(rollout, context)
    return rollout, [fact.TOPIC.split(".")[1] for fact in collected(rollout)]


@pytest.mark.parametrize(
    ("command", "fact", "undo"),
    [
        (Kill(), "GatingKilled", Resume()),
        (SetShare(share=500), "ShareSet", SetShare(share=EVERYBODY)),
        (SetDefault(mode="shadow"), "DefaultModeSet", SetDefault(mode="off")),
        (ExemptModule(key=CRM), "ModuleExempted", ExemptModule(key=CRM, exempt=False)),
        (ExemptOrgs(orgs=[ACME]), "OrgsExempted", ExemptOrgs(orgs=[ACME], exempt=False)),
        (ForceOrgs(orgs=[ACME]), "OrgsForced", ForceOrgs(orgs=[ACME], mode=None)),
    ],
)
def test_a_command_is_recorded_once_and_can_be_taken_back(
    command: Steer, fact: str, undo: Steer
) -> None:
    """The same again changes nothing; its opposite restores the rules exactly."""
    assert steered(command)[1] == [fact]
    assert steered(command, after=[command])[1] == []
    assert steered(undo, after=[command])[0].rules == Rollout.blank().rules


def test_a_rollout_is_a_fold_of_its_facts() -> None:
    """What is rebuilt from the facts is what the commands left."""
    rollout = Rollout.blank()
    context = SteeringContext(now=noon, by=SUPER_ADMIN, catalog=CATALOG)
    for command in (
        SetShare(share=500),
        ForceOrgs(orgs=[ACME, OTHER], tag="early"),
        ExemptOrgs(orgs=[OTHER]),
        ExemptModule(key=CRM),
        SignOff(step="1", role="security_lead"),
        Kill(),
    ):
        command.decide(rollout, context)

    again = rebuilt(collected(rollout))
    assert (again.gating, again.tags, again.signed_off, again.step) == (
        rollout.gating,
        rollout.tags,
        rollout.signed_off,
        rollout.step,
    )
    assert again.gating.version == 6


@pytest.mark.parametrize("share", [-1, EVERYBODY + 1])
def test_a_share_lies_between_none_and_all(share: int) -> None:
    with pytest.raises(InvalidShare):
        steered(SetShare(share=share))


WRONG = Evidence(present=Watched(checks=10_000, unexpected=11))
SLOW = Evidence(
    present=Watched(checks=1, answers=100, seconds=2.01),
    baseline=Watched(answers=100, seconds=1.0),
)
HALF = [SetShare(share=EVERYBODY // 2)]


@pytest.mark.parametrize("evidence", [WRONG, SLOW])
def test_more_orgs_are_refused_against_the_evidence(evidence: Evidence) -> None:
    """Above 0.1 % unexpected denials, or twice the baseline's latency."""
    with pytest.raises(PromotionRefused):
        steered(SetShare(share=EVERYBODY), after=HALF, evidence=evidence)

    more = SetShare(share=EVERYBODY, override=True)
    rollout, facts = steered(more, after=HALF, evidence=evidence)
    assert (rollout.rules.share, facts) == (EVERYBODY, ["ShareSet"])


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence(present=Watched(checks=10_000, unexpected=10)),
        SLOW._replace(present=Watched(checks=1, answers=100, seconds=2.0)),
        SLOW._replace(present=Watched(checks=1, answers=99, seconds=99.0)),
        SLOW._replace(baseline=Watched()),
    ],
)
def test_what_is_not_above_a_threshold_refuses_nothing(evidence: Evidence) -> None:
    """Nor does a latency that is told by too few answers."""
    assert steered(SetShare(share=EVERYBODY), after=HALF, evidence=evidence)[1] == ["ShareSet"]


def test_fewer_orgs_are_never_refused() -> None:
    """Whatever the evidence: going back must always work."""
    assert steered(SetShare(share=0), evidence=WRONG)[0].rules.share == 0


def test_the_plan_goes_no_further_against_the_evidence() -> None:
    """A step with a larger percentage is a promotion as well; one override sets aside both."""
    to_2 = [Advance(override=True), Advance(override=True)]
    signed = [SignOff(step="3a", role=role) for role in ROLES]
    with pytest.raises(PromotionRefused):
        steered(Advance(), after=[*to_2, *signed], evidence=WRONG)

    gone_on, _ = steered(Advance(override=True), after=to_2, evidence=WRONG)
    assert (gone_on.step, gone_on.rules.share) == ("3a", 500)


@pytest.mark.parametrize("evidence", [WRONG, SLOW])
def test_no_default_enforces_against_the_evidence(evidence: Evidence) -> None:
    """It would be the whole hundred per cent by another name."""
    with pytest.raises(PromotionRefused):
        steered(SetDefault(mode="enforce"), after=[SetDefault(mode="off")], evidence=evidence)
    all_the_same = SetDefault(mode="enforce", override=True)
    with pytest.raises(NotPermitted):
        steered(all_the_same, after=[SetDefault(mode="off")], evidence=evidence, by=ORG_ADMIN)

    rollout, _ = steered(all_the_same, after=[SetDefault(mode="off")], evidence=evidence)
    assert rollout.rules.default == "enforce"
    assert steered(SetDefault(mode="off"), evidence=evidence)[0].rules.default == "off"


def test_only_a_super_admin_goes_on_against_the_evidence() -> None:
    more = SetShare(share=EVERYBODY, override=True)
    with pytest.raises(NotPermitted):
        steered(more, after=HALF, evidence=WRONG, by=ORG_ADMIN)


def test_what_was_overridden_is_recorded() -> None:
    rollout = Rollout.blank()
    context = SteeringContext(now=noon, by=SUPER_ADMIN, catalog=CATALOG, evidence=WRONG)
    for command in (*HALF, SetShare(share=EVERYBODY, override=True)):
        command.decide(rollout, context)

    *_, fact = rollout.collect_events()
    assert fact.overrode == [  # type: ignore[attr-defined]
        "0.11% of the decisions are unexpected denials (at most 0.1%)"
    ]


def test_a_tag_names_orgs_and_releases_them() -> None:
    """They are forced under a name, and released by it."""
    early = ForceOrgs(orgs=[ACME, OTHER], tag="early")
    assert steered(early)[0].tags == {"early": {ACME, OTHER}}

    rollout, facts = steered(ForceOrgs(tag="early", mode=None), after=[early])
    assert facts == ["OrgsReleased"]
    assert rollout.tags == {}
    assert rollout.rules.forced_orgs == {}


@pytest.mark.parametrize("orgs", [[], [OrgId(f"o{n}") for n in range(1_001)]])
def test_a_command_names_some_orgs_and_not_too_many(orgs: list[OrgId]) -> None:
    with pytest.raises(TooManyOrgs):
        steered(ExemptOrgs(orgs=orgs))


def test_an_unknown_module_is_refused() -> None:
    with pytest.raises(UnknownKey):
        steered(ExemptModule(key=Key("crmm")))


def test_the_next_step_needs_all_five_sign_offs() -> None:
    """Four are not enough; with five it begins, and sets what the plan says."""
    four = [SignOff(step="1", role=role) for role in ROLES[:4]]
    with pytest.raises(SignOffMissing) as refused:
        steered(Advance(), after=four)
    assert refused.value.facts["missing"] == ["security_lead"]

    rollout, facts = steered(Advance(), after=[*four, SignOff(step="1", role="security_lead")])
    assert facts == ["StepEntered", "ShareSet"]
    assert (rollout.step, rollout.rules.share, rollout.rules.default) == ("1", 0, "off")


def test_only_a_super_admin_goes_on_without_sign_offs() -> None:
    """And that he did is recorded."""
    with pytest.raises(NotPermitted):
        steered(Advance(override=True), by=ORG_ADMIN)
    assert steered(Advance(override=True))[0].step == "1"


def test_the_plan_leads_from_none_to_all() -> None:
    """Steps 1, 2, 3a, 3b, 3c and 4, with 0, 0, 5, 25, 100 and 100 percent."""
    rollout = Rollout.blank()
    context = SteeringContext(now=noon, by=SUPER_ADMIN, catalog=CATALOG)
    seen = []
    for _ in STEPS[1:]:
        Advance(override=True).decide(rollout, context)
        seen.append((rollout.step, rollout.rules.share, rollout.rules.default))

    assert seen == [
        ("1", 0, "off"),
        ("2", 0, "shadow"),
        ("3a", 500, "shadow"),
        ("3b", 2_500, "shadow"),
        ("3c", EVERYBODY, "shadow"),
        ("4", EVERYBODY, "shadow"),
    ]
    with pytest.raises(PlanFinished):
        Advance(override=True).decide(rollout, context)


@pytest.mark.parametrize("wanted", [("9", "security_lead"), ("1", "ceo")])
def test_only_steps_and_roles_of_the_plan_are_signed_off(wanted: tuple[str, str]) -> None:
    with pytest.raises(InvalidStep):
        steered(SignOff(step=wanted[0], role=wanted[1]))
