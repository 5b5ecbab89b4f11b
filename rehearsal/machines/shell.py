"""Run the host's tools and turn their failures into one readable error."""

import shlex
import subprocess
import time
from collections.abc import Callable, Sequence


class MachineError(RuntimeError):
    """Something about the rehearsal's machines or networks failed; the text is for a person."""


def run(*argv: str, stdin: str = "", check: bool = True, timeout: float = 120) -> str:
    """Standard output of a command. MachineError with the command and its complaint when it fails and `check` is set."""
    try:
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    except FileNotFoundError as missing:
        raise MachineError(f"{argv[0]} is not installed") from missing
    except subprocess.TimeoutExpired as late:
        raise MachineError(f"`{shlex.join(argv)}` did not end within {timeout:.0f} s") from late
    if check and done.returncode != 0:
        complaint = (done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}")[-2000:]
        raise MachineError(f"`{shlex.join(argv)}` failed: {complaint}")
    return done.stdout


def succeeds(*argv: str) -> bool:
    """Whether a command exits with 0."""
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def inside(namespace: str, argv: Sequence[str]) -> tuple[str, ...]:
    """The command in a named network namespace, and in that only: `ip netns exec` would hide /sys/fs/cgroup as well."""
    return ("nsenter", f"--net=/run/netns/{namespace}", *argv)


def wait_until(condition: Callable[[], bool], deadline: float, reason: Callable[[], str], pause: float = 0.05) -> None:
    """Poll until the condition holds; MachineError with the reason when it does not within `deadline` seconds."""
    until = time.monotonic() + deadline
    while not condition():
        if time.monotonic() > until:
            raise MachineError(f"{reason()} (waited {deadline:.0f} s)")
        time.sleep(pause)
