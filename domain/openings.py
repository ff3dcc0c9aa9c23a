"""The grants and blocks that facts open, as their content says."""

from domain.facts import AccessBlocked, ModuleGranted, TrialConverted, TrialStarted
from domain.lanes import TRIAL_SOURCE, Block, Grant


def granted(fact: ModuleGranted) -> Grant:
    """The grant that a source gave."""
    return Grant(
        id=fact.grant_id,
        key=fact.key,
        kind="full",
        source=fact.source,
        source_ref=fact.source_ref,
        starts=fact.starts,
        ends=fact.ends,
    )


def started(fact: TrialStarted) -> Grant:
    """The trial that was started."""
    return Grant(
        id=fact.grant_id,
        key=fact.key,
        kind="trial",
        source=TRIAL_SOURCE,
        source_ref=fact.source_ref,
        starts=fact.starts,
        ends=fact.ends_at,
    )


def converted(fact: TrialConverted) -> Grant:
    """The full grant that a trial became."""
    return Grant(
        id=fact.grant_id,
        key=fact.key,
        kind="full",
        source=fact.source,
        source_ref=fact.source_ref,
        starts=fact.effective_at,
        ends=None,
    )


def blocked(fact: AccessBlocked) -> Block:
    """The block that was raised."""
    return Block(
        id=fact.block_id,
        scope=fact.scope,
        key=fact.key,
        category=fact.category,
        starts=fact.starts,
        ends=fact.ends,
    )
