"""Install the toolbox on one machine: all scripts of this checkout, over SSH.

Run as a module in the project's folder; reads one JSON object from standard input: a `Target`, and `toolbox`, which names the scripts and
makes this run anew when they change. The scripts themselves do not pass through the engine, which would log and keep them for each machine.
"""

import json
import sys

from components.machines.local.contact import Trouble, answer
from components.remote.ssh import Target, run
from components.remote.toolbox import INSTALL, archive

PATIENCE = 30
"""Seconds for a machine that was met a moment ago to be reached again."""

DEADLINE = 260
"""Seconds for one try: waiting for another that installs, then installing."""


def main() -> int:
    target = Target.read(json.load(sys.stdin))
    ended = answer(lambda: run(target, INSTALL, stdin=archive(), deadline=DEADLINE), target, PATIENCE)
    if isinstance(ended, Trouble):
        print(ended.why, file=sys.stderr)
        return 1
    if ended.returncode:
        print(f"the toolbox could not be installed on {target}: {(ended.stderr or ended.stdout).strip()[-1500:]}", file=sys.stderr)
    return ended.returncode


if __name__ == "__main__":
    sys.exit(main())
