"""The mesh from reachable machines without one to every pair proven, and the same again with nothing to do."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from bench.engine import BenchError, rehearsed
from bench.result import Limit, Result, compare
from components.remote.toolbox import ROOT
from rehearsal import paths
from rehearsal.machines import machine
from rehearsal.machines.folder import Folder
from rehearsal.machines.shell import wait_until

RUNS = 3
ROLE_FIRST, ROLE_AGAIN = 19.0, 11.1
"""Seconds of a well-known Ansible role for Tinc (ansible 11.13) on three machines of this kind, packages present, first and second run.
Measured once by hand and elsewhere: these two do not come from the run that they stand in."""

UP = ("up", "--yes", "--skip-preview")
UNDO = f"{ROOT}/remote/run mesh/leave && rm -f /etc/tinc/homelab/rsa_key.priv /etc/tinc/homelab/rsa_key.pub"
SETTLED = 300.0


def measure() -> Iterator[Result]:
    """Two results, in seconds of the whole command; packages are there, keys and everything else of the mesh is not."""
    ours = rehearsed()
    machines = members(json.loads(ours.run("stack", "output", "--json"))["machines"])
    again = [word for urn in scripts(json.loads(ours.run("stack", "export"))) for word in ("--replace", urn)]
    first = []
    with repaired():
        for _ in range(RUNS):
            with ThreadPoolExecutor() as pool:
                list(pool.map(bare, machines))
            first.append(ours.timed(*UP, *again))
        second = [ours.timed(*UP) for _ in range(RUNS)]
    yield compare("mesh, first, against an Ansible role (measured elsewhere)", first, [ROLE_FIRST], "s", Limit(0.5))
    yield compare("mesh, no-op, against an Ansible role (measured elsewhere)", second, [ROLE_AGAIN], "s", Limit(0.2))


def bare(name: str) -> None:
    """A machine that is reached and has no mesh. BenchError when it cannot be made one."""
    done = machine.run(name, ("sh", "-c", UNDO), timeout=90)
    if done.returncode:
        raise BenchError(f"the mesh could not be taken off {name}: {done.stderr.strip()}")


def scripts(state: Mapping[str, Any]) -> Sequence[str]:
    """The URNs of what runs on machines for the mesh, in an exported state."""
    resources = state["deployment"]["resources"]
    names = {one["urn"]: one["urn"].rpartition("::")[2] for one in resources if one["type"] == "command:remote:Command"}
    return [urn for urn, name in names.items() if name.startswith("mesh-")]


def members(reported: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
    """The rehearsal's names of the machines that the stack's output names: a rented one has a name of its own there."""
    by_address = {str(Folder(name).spec().address.ip): name for name in machine.names()}
    return [by_address[said["host"]] for said in reported.values()]


@contextmanager
def repaired() -> Iterator[None]:
    """Whatever happens: the stack is whole afterwards, the laptop knows the new keys, and Ceph has found itself again."""
    try:
        yield
    finally:
        argv = [sys.executable, "-m", "rehearsal", "up"]
        done = subprocess.run(argv, cwd=paths.checkout(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"the rehearsal is not whole again, run `make up`:\n{(done.stdout + done.stderr)[-2000:]}")
    wait_until(healthy, SETTLED, lambda: "Ceph does not come back to HEALTH_OK after the mesh was away")


def healthy() -> bool:
    """Whether Ceph, where it is wanted, says so."""
    asked = machine.run("leviathan", ("sh", "-c", "! command -v ceph >/dev/null || timeout 20 ceph health"))
    return asked.returncode == 0 and asked.stdout.strip() in ("", "HEALTH_OK")
