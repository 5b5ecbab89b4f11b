"""Run a command in a control group of the rehearsal: `python -m rehearsal.machines.keep GROUP COMMAND…`.

What runs so is found and ended by `down`, whatever became of the process that started it.
"""

import os
import sys

from rehearsal.machines import cgroups

CLOCK, NAMES, AGENT, ENGINE = "host.clock", "host.names", "host.agent", "host.engine"  # no machine's name has a dot


def command(group: str, *argv: str) -> tuple[str, ...]:
    """The command line that runs argv in the group."""
    return (sys.executable, "-m", "rehearsal.machines.keep", group, *argv)


if __name__ == "__main__":
    cgroups.join(sys.argv[1])
    os.execvp(sys.argv[2], sys.argv[2:])
