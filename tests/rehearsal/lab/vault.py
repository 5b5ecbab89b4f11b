"""The backups of the rehearsed lab in the hands of a test."""

import json
from typing import Any

from rehearsal.machines.shell import wait_until
from tests.rehearsal.lab.cluster import MOUNT
from tests.rehearsal.lab.lab import Lab, Run

EVERYBODY = ("leviathan", "absis", "nimbus", "laptop")
REMOTE = ("nimbus", "laptop")
FOLDER = f"{MOUNT}/backups"
TOOLS = "/usr/local/lib/homelab/backup"
UNIT = "homelab-backup.service"
WHOLE = 1800.0
"""Seconds that a first backup of a whole system may take, on processors that all machines share."""

DEAD = 600.0
"""Seconds until the lock of a machine without power is another's: five minutes until the file system gives it up, and some to spare."""

HOLD = """
import sys, time
sys.path.insert(0, sys.argv[1])
from toolkit import Path, Places, Shared, held
with held(Places(), Shared(Path(sys.argv[2])), sys.argv[3], 60):
    print("held", flush=True)
    time.sleep(float(sys.argv[4]))
"""


def script(lab: Lab, name: str, *words: str, ok: bool = True, within: float = WHOLE) -> Run:
    """A script of the toolbox on a machine, as `make do` runs it there."""
    done = lab.inside(name, f"{TOOLS}/{words[0]}", *words[1:], deadline=within)
    assert not ok or done.returncode == 0, f"{name}: {' '.join(words)}:\n{done.stdout}\n{done.stderr}"
    return done


def back_up(lab: Lab, name: str, within: float = WHOLE) -> dict[str, Any]:
    """By its unit, as the timer would; gives how it went."""
    done = lab.inside(name, f"{TOOLS}/now", deadline=within)
    assert done.returncode == 0, f"{name}:\n{done.stdout}\n{done.stderr}"
    return last(lab, name)


def last(lab: Lab, name: str) -> dict[str, Any]:
    return dict(json.loads(lab.inside(name, "cat", "/var/lib/homelab/backup/last.json").stdout))


def archives(lab: Lab, name: str, at: str = "leviathan") -> list[str]:
    """Of everybody, as a home machine sees them; the oldest first."""
    return [line.split()[-1] for line in script(lab, at, "list", "--of", name).stdout.splitlines()]


def begin(lab: Lab, name: str) -> None:
    """A backup by its unit, until Borg has locked its repository. A start alone would wait with a unit that has failed for its next try."""
    assert lab.inside(name, "sh", "-c", f"systemctl stop {UNIT}; systemctl start --no-block {UNIT}").returncode == 0
    lock = f"{FOLDER}/{name}/lock.exclusive"
    wait_until(lambda: lab.inside("leviathan", "test", "-d", lock).returncode == 0, 300, lambda: f"{name} stores nothing")


def kept(lab: Lab, at: str, *names: str, ok: bool = True) -> Run:
    """Prune, compact and check now."""
    return script(lab, at, "keep", *names, ok=ok)
