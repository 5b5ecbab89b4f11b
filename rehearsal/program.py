"""The program under the rehearsal's engine: `pulumi` on the dev stack, also after an earlier one was killed."""

import json
import os
import shlex
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from rehearsal import paths
from rehearsal.machines import cgroups, keep
from rehearsal.machines.progress import step
from rehearsal.machines.shell import MachineError, wait_until

STACK = "dev"
AT_WORK = 1800.0  # seconds that the pulumi of an interrupted run may still take


def up(variables: Mapping[str, str]) -> int:
    """`pulumi up`, its output as it comes. Gives its exit status."""
    ensure_stack(variables)
    _after_an_interrupted_run(variables)
    argv = keep.command(keep.ENGINE, "pulumi", "up", "--yes", "--stack", STACK)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches pulumi too, which ends in order: wait for that
    try:
        with subprocess.Popen(argv, env={**os.environ, **variables}, cwd=paths.checkout(), preexec_fn=_interruptible) as running:
            return running.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def ensure_stack(variables: Mapping[str, str]) -> None:
    """Make the dev stack in its backend when it is not there; its configuration file stays as it is."""
    if not (_backend() / "stacks/homelab" / f"{STACK}.json").exists():
        pulumi(variables, "stack", "init", STACK)


def pulumi(variables: Mapping[str, str], *arguments: str) -> str:
    """Standard output of a short pulumi command."""
    argv = ("pulumi", *arguments, "--non-interactive")
    done = subprocess.run(argv, env={**os.environ, **variables}, cwd=paths.checkout(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise MachineError(f"`{shlex.join(argv)}` failed: {done.stderr.strip()[-1500:]}")
    return done.stdout


def holders(locks: Path) -> list[int]:
    """The pids that the backend's lock files of the stack name; 0 for a file that cannot be read."""
    return [_holder(file) for file in sorted(locks.glob("*.json"))]


def is_pulumi(pid: int) -> bool:
    """Whether a pulumi runs under that pid."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == "pulumi"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _after_an_interrupted_run(variables: Mapping[str, str]) -> None:
    """A pulumi that outlived its `make up` is waited for; the lock of one that was killed is taken away."""
    if _orphans():
        with step("the pulumi of an interrupted run is still at work: waiting for its end"):
            wait_until(lambda: not _orphans(), AT_WORK, lambda: f"it does not end: stop it first (processes {_orphans()})", pause=0.5)
    held = holders(_backend() / "locks/organization/homelab" / STACK)
    if held and not any(map(is_pulumi, held)):
        pulumi(variables, "cancel", "--yes", "--stack", STACK)


def _orphans() -> list[int]:
    return sorted(pid for pid in cgroups.processes(keep.ENGINE) if is_pulumi(pid))


def _backend() -> Path:
    return paths.state() / "backend/.pulumi"


def _holder(file: Path) -> int:
    try:
        return int(json.loads(file.read_text())["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _interruptible() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
