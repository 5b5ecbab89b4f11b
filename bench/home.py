"""The two home machines of the running rehearsal, and which way they take to each other."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from subprocess import TimeoutExpired

from bench.engine import BenchError
from components.mesh.plan import TUNNEL
from components.plan import plan
from config.load import read
from rehearsal.machines import machine
from rehearsal.machines.shell import wait_until
from rehearsal.program import STACK

SERVICE = "homelab-lan-paths"
UNIT = "homelab-bench"


@dataclass(frozen=True)
class Home:
    """A machine in the LAN: name, address there, address in the mesh."""

    name: str
    lan: str
    mesh: str

    def run(self, *argv: str, deadline: float = 60) -> str:
        """Standard output of a command, as root. BenchError with its complaint when it fails or takes longer."""
        try:
            done = machine.run(self.name, argv, timeout=deadline)
        except TimeoutExpired:
            raise BenchError(f"{argv[0]} on {self.name} did not end within {deadline:.0f} s") from None
        if done.returncode:
            raise BenchError(f"{argv[0]} on {self.name} failed: {(done.stderr or done.stdout).strip()[-1000:]}")
        return done.stdout

    def takes_tunnel(self, other: "Home") -> bool:
        """Whether what it sends to the other's mesh address goes through Tinc."""
        (route,) = json.loads(self.run("ip", "-json", "route", "get", other.mesh))
        return bool(route["dev"] == TUNNEL)


def homes() -> tuple[Home, Home]:
    """The first two neighbours of the dev stack. BenchError when they are not on."""
    members = [member for member in plan(read(STACK)).mesh.members.values() if member.neighbours]
    found = [Home(member.name, str(member.lan), str(member.address)) for member in members[:2]]
    if len(found) < 2 or not all(machine.running(one.name) for one in found):
        raise BenchError("the two home machines of the dev stack are not on: run `make up` first")
    return found[0], found[1]


def await_lan(one: Home, other: Home) -> None:
    """Until both use the LAN; what a measure begins and ends with."""
    wait_until(lambda: not (one.takes_tunnel(other) or other.takes_tunnel(one)), 30, lambda: "the LAN paths do not come up")


@contextmanager
def tunnel(one: Home, other: Home) -> Iterator[None]:
    """Without LAN paths on both, so that all between them goes through Tinc; they are back afterwards."""
    for home in (one, other):
        home.run("systemctl", "stop", SERVICE)
    try:
        wait_until(lambda: one.takes_tunnel(other) and other.takes_tunnel(one), 10, lambda: "the routes over the LAN stayed")
        yield
    finally:
        for home in (one, other):
            home.run("systemctl", "start", SERVICE)
        await_lan(one, other)


@contextmanager
def serving(home: Home, code: str, port: int) -> Iterator[None]:
    """Python `code` as a unit of that machine, listening on `port`."""
    home.run("sh", "-c", f"systemctl stop {UNIT} 2>/dev/null || true")  # of a measure that was killed
    home.run("systemd-run", f"--unit={UNIT}", "--collect", "--quiet", "python3", "-c", code, str(port))
    try:
        wait_until(lambda: f":{port} " in home.run("ss", "-Hltn"), 10, lambda: f"nothing listens on {home.name}:{port}")
        yield
    finally:
        home.run("systemctl", "stop", UNIT)
