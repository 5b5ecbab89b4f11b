"""What `backup/borg` runs."""

import subprocess
import sys

from toolkit import BORG, Places, Problem, guarded
from where import repository


def main():
    words = sys.argv[1:]
    of = words[1] if words[:1] == ["--of"] and len(words) > 1 else None
    words = words[2:] if of else words
    if not words:
        raise Problem("usage: backup/borg [--of MACHINE] COMMAND ...")
    with repository(Places(), of) as repo:
        return subprocess.run([*BORG, *words], env={**repo.env, "BORG_REPO": repo.location}).returncode


if __name__ == "__main__":
    guarded(main)
