"""Processes remembered across runs: a pid alone may have been given to a stranger since, so its start time is kept too."""

import os
import select
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process of this host; `started` is field 22 of /proc/PID/stat, clock ticks since the host booted."""

    pid: int
    started: int


def of(pid: int) -> Process | None:
    """The running process with that pid; None when there is none, or only a zombie of it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else Process(pid, int(fields[19]))


def alive(process: Process) -> bool:
    """Whether that very process still runs."""
    return of(process.pid) == process


def write(path: Path, process: Process) -> None:
    """Remember a process."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(f"{process.pid} {process.started}\n")
    scratch.replace(path)


def read(path: Path) -> Process | None:
    """The process remembered in a file, if it still runs. A missing or half-written file counts as none."""
    try:
        pid, started = path.read_text().split()
        process = Process(int(pid), int(started))
    except (FileNotFoundError, ValueError):
        return None
    return process if alive(process) else None


def end(process: Process, number: signal.Signals, deadline: float) -> bool:
    """Send a signal and wait; True when the process is gone within `deadline` seconds. A recycled pid is never hit."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        if not alive(process):
            return True
        signal.pidfd_send_signal(handle, number)
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        return bool(poll.poll(deadline * 1000)) or not alive(process)
    except ProcessLookupError:
        return True
    finally:
        os.close(handle)
