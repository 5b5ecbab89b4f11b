"""The mesh stage on machines without a mesh, up to every pair proven, and the same scripts again on machines that have it."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from bench.engine import BenchError, rehearsed
from bench.result import Limit, Result, compare
from bench.stage import rerun
from bench.whole import members, repaired
from components.remote.toolbox import ROOT
from rehearsal.machines import machine

RUNS = 3
ROLE_FIRST, ROLE_AGAIN = 19.0, 11.1
"""Seconds of a well-known Ansible role for Tinc (ansible 11.13) on three machines of this kind, packages present, first and second run.
Measured once by hand and elsewhere: these two do not come from the run that they stand in."""

STAGE = "mesh-"
UNDO = f"{ROOT}/remote/run mesh/leave && rm -f /etc/tinc/homelab/rsa_key.priv /etc/tinc/homelab/rsa_key.pub"
UNDONE = 150.0


def measure() -> Iterator[Result]:
    """Two results, in seconds of the stage inside an `up`; packages are there, keys and everything else of the mesh is not."""
    ours = rehearsed()
    machines = [*members(json.loads(ours.run("stack", "output", "--json"))["machines"]).values()]
    first = []
    with repaired(ours, STAGE):
        for _ in range(RUNS):
            with ThreadPoolExecutor() as pool:
                list(pool.map(bare, machines))
            first.append(rerun(ours, STAGE))
        again = [rerun(ours, STAGE) for _ in range(RUNS)]
    yield compare("mesh, first, against an Ansible role (measured elsewhere)", first, [ROLE_FIRST], "s", Limit(0.5))
    yield compare("mesh, again, against an Ansible role (measured elsewhere)", again, [ROLE_AGAIN], "s", Limit(0.2))


def bare(name: str) -> None:
    """A machine that is reached and has no mesh. BenchError when it cannot be made one."""
    done = machine.run(name, ("sh", "-c", UNDO), timeout=UNDONE)
    if done.returncode:
        raise BenchError(f"the mesh could not be taken off {name}: {done.stderr.strip()}")
