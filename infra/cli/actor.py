"""Who gives commands from a shell: the operating system's word, never the environment's."""

import os
import pwd

from domain.actors import Actor


def shell_actor() -> Actor:
    """The user whose process this is, as a super admin."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a number that has no name
        name = str(os.getuid())
    return Actor(id=f"cli:{name}", type="super_admin")
