"""Control groups `hl-NAME`: each machine in its own, so that all of its processes are found and ended together.

cgroup v1 (one tree a controller) and v2 (one tree) both work. Nothing but these groups says which processes are the
rehearsal's, so they are found again when every state file is lost.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

from rehearsal.machines.shell import MachineError

PREFIX = "hl-"
ROOT = Path("/sys/fs/cgroup")


def unified() -> bool:
    """Whether the host has cgroup v2 only."""
    return (ROOT / "cgroup.controllers").exists()


def trees() -> list[Path]:
    """Roots of all hierarchies of the host."""
    if unified():
        return [ROOT]
    return sorted({path.resolve() for path in ROOT.iterdir() if (path / "cgroup.procs").exists()})


def join(name: str, leaf: str = "") -> None:
    """Move the calling process into the group of that name in every hierarchy (v2: into its child `leaf`)."""
    for tree in trees():
        group = tree / f"{PREFIX}{name}"
        group.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):  # v1: an empty cpuset accepts no process
            if (group / setting).exists() and not unified() and not (group / setting).read_text().strip():
                (group / setting).write_text((tree / setting).read_text())
        if leaf and unified():
            group = group / leaf
            group.mkdir(exist_ok=True)
        (group / "cgroup.procs").write_text(str(os.getpid()))


def names() -> list[str]:
    """Names that have a group in any hierarchy, with or without processes."""
    return sorted({path.name.removeprefix(PREFIX) for tree in trees() for path in tree.glob(f"{PREFIX}*") if path.is_dir()})


def processes(name: str) -> set[int]:
    """Pids in the group and below it, in any hierarchy."""
    found: set[int] = set()
    for tree in trees():
        for group, _, _ in os.walk(tree / f"{PREFIX}{name}"):  # groups come and go meanwhile: walk does not mind
            with contextlib.suppress(OSError):
                found.update(int(line) for line in Path(group, "cgroup.procs").read_text().split())
    return found - {0}


def kill(name: str, deadline: float = 20) -> None:
    """SIGKILL everything in the group and wait until it is empty. MachineError when something survives the deadline."""
    until = time.monotonic() + deadline
    while left := processes(name) - {os.getpid()}:
        if time.monotonic() > until:
            raise MachineError(f"processes {sorted(left)} of {name} cannot be killed (waiting for a disk or a FUSE mount?)")
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def remove(name: str) -> None:
    """Delete the empty group with its children everywhere. Groups that do not exist are fine."""
    for tree in trees():
        for group, _, _ in os.walk(tree / f"{PREFIX}{name}", topdown=False):
            _remove_empty(Path(group))


def _remove_empty(group: Path, deadline: float = 5) -> None:
    """A group stays busy for a moment after its last process ended."""
    until = time.monotonic() + deadline
    while True:
        try:
            group.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError as busy:
            if time.monotonic() > until:
                raise MachineError(f"control group {group} cannot be removed: {busy.strerror}") from busy
            time.sleep(0.02)
