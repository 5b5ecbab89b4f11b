"""Looking at machines from outside, for tests."""

import socket
import subprocess
import sys
from collections.abc import Sequence

from rehearsal.machines import machine
from rehearsal.machines.shell import inside, wait_until

CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2)"


def connects(address: str, port: int, namespace: str | None = None) -> bool:
    """Whether a TCP connection opens, from the host or from a network namespace."""
    argv = (sys.executable, "-c", CONNECT, address, str(port))
    return subprocess.run(inside(namespace, argv) if namespace else argv, capture_output=True, check=False).returncode == 0


def connects_from(name: str, address: str, port: int) -> bool:
    """The same from inside a machine."""
    return machine.run(name, ("python3", "-c", CONNECT, address, str(port))).returncode == 0


def listen(name: str, ports: Sequence[int]) -> None:
    """Have the machine answer on TCP ports, v4 and v6, until it goes down."""
    for port in ports:
        server = ("python3", "-m", "http.server", "--bind", "::", str(port))
        assert machine.run(name, ("systemd-run", "--quiet", f"--unit=listen-{port}", *server)).returncode == 0
    wait_until(lambda: all(connects_from(name, "::1", port) for port in ports), 20, lambda: f"{name} does not listen on {ports}")


def text(name: str, *argv: str) -> str:
    """What a command in a machine prints; it must succeed."""
    done = machine.run(name, argv)
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout.strip()


def banner(address: str) -> bytes:
    """What sshd says first."""
    with socket.create_connection((address, 22), timeout=5) as connection:
        return connection.recv(4)
