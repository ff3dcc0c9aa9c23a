"""Every command as data with the function that decides it; a decision records facts or refuses."""

from domain.commands.base import Command, Context
from domain.commands.blocks import BlockAccess, ResumeOrg, SetSubmodule, SuspendOrg, UnblockAccess
from domain.commands.boundaries import CrossBoundaries
from domain.commands.bundles import ApplyBundle, RemoveBundle
from domain.commands.grants import GrantAccess, RevokeAccess
from domain.commands.register import RegisterOrg
from domain.commands.schedules import CancelScheduled
from domain.commands.status import SetStatus
from domain.commands.trials import ConvertTrial, ExtendTrial, StartTrial

__all__ = [
    "ApplyBundle",
    "BlockAccess",
    "CancelScheduled",
    "Command",
    "Context",
    "ConvertTrial",
    "CrossBoundaries",
    "ExtendTrial",
    "GrantAccess",
    "RegisterOrg",
    "RemoveBundle",
    "ResumeOrg",
    "RevokeAccess",
    "SetStatus",
    "SetSubmodule",
    "StartTrial",
    "SuspendOrg",
    "UnblockAccess",
]
