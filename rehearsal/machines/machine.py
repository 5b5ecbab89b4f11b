"""Start, stop, break and look into machines. Needs root and the networks (`networks.up`).

Every function is safe to repeat and to run at the same time for different machines; for one machine they wait for
each other.
"""

import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from rehearsal.machines import cgroups, disks, edge, networks, process, root
from rehearsal.machines.addresses import SWITCH
from rehearsal.machines.folder import Folder, all_machines
from rehearsal.machines.image import delete, locked
from rehearsal.machines.networks import spawn
from rehearsal.machines.process import Process
from rehearsal.machines.shell import MachineError, inside, wait_until
from rehearsal.machines.spec import Spec

BOOT_DEADLINE = 120.0  # seconds until sshd listens; 3 to 10 are usual, cloud-init adds some
STOP_DEADLINE = 90.0
SSH_LISTENS, LISTEN = "00000000:0016", "0A"  # 0.0.0.0:22 and its state, as /proc/net/tcp has them


def start(spec: Spec) -> None:
    """Make the machine if it is absent and boot it; returns when sshd listens. A running one is left alone."""
    folder = Folder(spec.name)
    with _mine(folder):
        if running(spec.name):
            if replace(folder.spec(), host_key=None) != replace(spec, host_key=None):  # a reinstalled machine has another key
                raise MachineError(f"machine {spec.name} runs, but made otherwise than wanted now; remove it first")
        else:
            folder.remember(spec)
            _boot(folder)
        _await_ssh(folder)


def boot(name: str) -> None:
    """Power on a machine that was stopped or killed, with the root file system and disks it had."""
    folder = Folder(name)
    with _mine(folder):
        folder.spec()
        if not running(name):
            _boot(folder)
        _await_ssh(folder)


def stop(name: str) -> None:
    """Clean power-off. A machine that does not run is left alone; one that does not end in time is cut off, with an error."""
    folder = Folder(name)
    with _mine(folder):
        supervisor = folder.supervisor()
        ended = supervisor is None or process.end(supervisor, signal.SIGTERM, STOP_DEADLINE)
        _cut(name)
        if not ended:
            raise MachineError(f"machine {name} did not power off within {STOP_DEADLINE:.0f} s and was cut off; see {folder.console}")


def kill(name: str) -> None:
    """Power cut: all of its processes at once."""
    with _mine(Folder(name)):
        _cut(name)


def reinstall(spec: Spec) -> None:
    """A fresh root file system, as after a new installation; the disks keep what is on them."""
    folder = Folder(spec.name)
    with _mine(folder):
        _cut(spec.name)
        delete(folder.root)
        folder.remember(spec)
        _boot(folder)
        _await_ssh(folder)


def remove(name: str) -> None:
    """Power cut, and nothing of the machine stays: disks, edge firewall, folder. One that is not there is fine."""
    folder = Folder(name)
    with _mine(folder):
        _cut(name)
        disks.detach(folder.path)
        edge.down(name)
        delete(folder.path)


def running(name: str) -> bool:
    """Whether the machine is powered on (it may still be booting)."""
    return Folder(name).supervisor() is not None


def names() -> list[str]:
    """All machines, running or not."""
    return sorted(path.name for path in all_machines().glob("[a-z0-9]*") if path.is_dir())


def run(name: str, argv: Sequence[str], stdin: str = "", timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a command in a running machine as root, not by SSH; its exit status is for the caller to judge."""
    pid = leader(name)
    if pid is None:
        raise MachineError(f"machine {name} is not running")
    # nsenter keeps the host's capabilities, so the clock's is dropped here as it is for the machine itself.
    capable = ("setpriv", "--bounding-set=-sys_time", "--inh-caps=-sys_time")
    enter = ("nsenter", f"--target={pid}", "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd", "--")
    clean = ("env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/root")
    return subprocess.run((*enter, *capable, *clean, *argv), input=stdin, capture_output=True, text=True, timeout=timeout, check=False)


def leader(name: str) -> int | None:
    """The pid, on the host, of the machine's init: the process of its control group that is number 1 in there, not in a pod of it."""
    for pid in cgroups.processes(name):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        numbers = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
        if len(numbers) == 2 and numbers[-1] == "1":
            return pid
    return None


def _mine(folder: Folder) -> AbstractContextManager[None]:
    folder.lock.parent.mkdir(parents=True, exist_ok=True)
    return locked(folder.lock)


def _boot(folder: Folder) -> None:
    if not networks.present():
        raise MachineError("the rehearsal's networks are not up: run `python -m rehearsal up`")
    _cut(folder.name)  # what a killed supervisor left running
    spec = folder.spec()
    if not folder.root.exists():
        root.make(spec, folder.root)
    root.lay_disks(folder.root, disks.attach(folder.disks, spec.disks))
    if spec.network == "internet":
        edge.up(spec.name)
    spawn(sys.executable, "-m", "rehearsal.machines.supervise", spec.name, log=folder.console)
    wait_until(lambda: running(folder.name), 20, lambda: f"machine {folder.name} was not started: {_console(folder)}")


def _await_ssh(folder: Folder) -> None:
    supervisor = folder.supervisor()
    wait_until(
        lambda: _listening(folder.name) or _gone(supervisor),
        BOOT_DEADLINE,
        lambda: f"machine {folder.name} runs, but its sshd does not answer: {_console(folder)}",
    )
    if _gone(supervisor):
        raise MachineError(f"machine {folder.name} went down while booting: {_console(folder)}")


def _gone(supervisor: Process | None) -> bool:
    return supervisor is None or not process.alive(supervisor)


def _listening(name: str) -> bool:
    pid = leader(name)
    try:
        sockets = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:] if pid else []
    except OSError:
        return False
    return any(line.split()[1:4:2] == [SSH_LISTENS, LISTEN] for line in sockets)


def _console(folder: Folder) -> str:
    try:
        return folder.console.read_text(errors="replace")[-1500:].strip() or "(its console is empty)"
    except FileNotFoundError:
        return "(it has no console yet)"


def _cut(name: str) -> None:
    cgroups.kill(name)
    cgroups.remove(name)
    # The kernel takes the machine's network away some time later; until then the same name cannot be had again.
    for namespace in (SWITCH, edge.namespace(name)):
        subprocess.run(inside(namespace, ("ip", "link", "delete", f"vb-{name}")), capture_output=True, check=False)
