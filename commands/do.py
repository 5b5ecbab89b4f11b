"""Run one script of the toolbox on one machine, by name: `python -m commands.do STACK MACHINE 'FEATURE/SCRIPT [ARGUMENT ...]'`."""

import shlex
import sys

from commands.stack import target
from components.remote.ssh import interact
from components.remote.toolbox import ROOT, scripts

DEADLINE = 3600


def main(stack: str, machine: str, act: str) -> int:
    words = shlex.split(act)
    if not words or words[0] not in scripts():
        known = ", ".join(name for name in scripts() if not name.startswith("remote/"))
        sys.exit(f"there is no script {words[0] if words else ''!r}; the toolbox has {known}")
    return interact(target(stack, machine), shlex.join([f"{ROOT}/remote/run", "--deadline", str(DEADLINE), *words]))


if __name__ == "__main__":
    if len(sys.argv) != 4 or not all(sys.argv[1:]):
        sys.exit("usage: make do M=MACHINE DO='FEATURE/SCRIPT [ARGUMENT ...]' [STACK=dev]")
    sys.exit(main(*sys.argv[1:]))
