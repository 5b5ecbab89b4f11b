"""What `backup/borg` runs."""

import os
import subprocess
import sys

from toolkit import BORG, Places, Problem, guarded
from where import repository

REPAIR = "BORG_CHECK_I_KNOW_WHAT_I_AM_DOING"


def main():
    words = sys.argv[1:]
    of = words[1] if words[:1] == ["--of"] and len(words) > 1 else None
    words = words[2:] if of else words
    if not words:
        raise Problem("usage: backup/borg [--of MACHINE] COMMAND ...")
    with repository(Places(), of) as repo:
        # Whether to repair is this person's to say, to Borg's question or beforehand.
        env = {name: value for name, value in {**repo.env, "BORG_REPO": repo.location}.items() if name != REPAIR}
        env |= {REPAIR: os.environ[REPAIR]} if REPAIR in os.environ else {}
        return subprocess.run([*BORG, *words], env=env).returncode


if __name__ == "__main__":
    guarded(main)
