"""Run one script of the toolbox on one machine, by name: `python -m commands.do STACK MACHINE 'FEATURE/SCRIPT [ARGUMENT ...]'`.

There is no deadline: a restore over a slow line takes as long as it takes, and whoever asked may stop waiting.
"""

import secrets
import shlex
import sys

from commands.stack import target
from components.remote.ssh import interact
from components.remote.toolbox import ROOT, scripts

FOLLOWERS = ("backup/now", "backup/restore-system")
"""What they do is done by a unit. One that lost its connection may still be there to follow it, and must not keep the next one waiting."""

LOST = 255
"""What ssh ends with when there is no connection, or none any more."""


def main(stack: str, machine: str, act: str) -> int:
    words = shlex.split(act)
    if not words or words[0] not in scripts():
        known = ", ".join(name for name in scripts() if not name.startswith("remote/"))
        sys.exit(f"there is no script {words[0] if words else ''!r}; the toolbox has {known}")
    apart = ["--apart", secrets.token_hex(4)] if words[0] in FOLLOWERS else []
    try:
        status = interact(target(stack, machine), shlex.join([f"{ROOT}/remote/run", "--deadline", "0", *apart, *words]))
    except KeyboardInterrupt:
        status = 130
    if status in (LOST, 130):
        more = "and the same command follows it again" if words[0] in FOLLOWERS else "until it is done, or has something to say"
        print(f"without an answer: if {words[0]} has begun on {machine}, it goes on there, {more}", file=sys.stderr)
    return status


if __name__ == "__main__":
    if len(sys.argv) != 4 or not all(sys.argv[1:]):
        sys.exit("usage: make do M=MACHINE DO='FEATURE/SCRIPT [ARGUMENT ...]' [STACK=dev]")
    sys.exit(main(*sys.argv[1:]))
