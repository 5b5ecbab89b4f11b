"""A run of Kubespray's playbook by the `up` against the same playbook typed in on the runner, both on a cluster that is there already."""

import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from bench.engine import BenchError, Project, rehearsed
from bench.result import Limit, Result, compare
from bench.stage import DEBUG, UP, events, span
from components.plan import plan
from components.remote.toolbox import ROOT
from config.load import read
from rehearsal.machines import machine
from rehearsal.program import STACK

RUNS = 3
MOST = Limit(1.02)
STEP = "kubernetes-converge"
REAL = 467
"""Seconds in which real Kubespray v2.31.0 brought three clean machines of the rehearsal's kind up, measured once by hand and elsewhere.
What the program adds to a run does not grow with it."""

BARE = """
import subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from places import Places, read_json
from steps import environment
places = Places(Path("/"))
source = read_json(places.source)
argv = [f"{source['python']}/bin/ansible-playbook", "-i", f"{places.inventory}/hosts.yml", "-b", "cluster.yml"]
env = environment(places, source["python"])
sys.exit(subprocess.run(argv, cwd=source["folder"], env=env, stdout=subprocess.DEVNULL).returncode)
"""
"""Python on the runner: the playbook with the runner's own inventory, key and Ansible settings."""


def measure() -> Iterator[Result]:
    """Two results, in seconds: the step inside an `up` against the bare playbook, and what it adds against a run of real Kubespray."""
    ours, runner = rehearsed(), plan(read(STACK)).kubernetes.runner
    if not runner:
        raise BenchError("the dev stack has no cluster: homelab:kubernetes.kubespray is not set")
    try:
        pairs = [(stepped(ours, number), bare(runner)) for number in range(RUNS)]
    finally:
        ours.run(*UP)
    mine, typed = zip(*pairs, strict=True)
    found = compare("a playbook run by the `up`, against ansible-playbook", mine, typed, "s", MOST)
    yield found
    real = [REAL + found.ours - found.reference]
    yield compare(f"the same on {REAL} s of real Kubespray (measured elsewhere)", real, [REAL], "s", MOST)


def stepped(ours: Project, number: int) -> float:
    """Seconds of the step, when a variable that no playbook reads has changed: then the whole playbook runs."""
    with TemporaryDirectory(prefix="homelab-bench-") as folder:
        said = yaml.safe_load((ours.folder / f"Pulumi.{STACK}.yaml").read_text())
        said["config"]["homelab:kubernetes"]["variables"] = {"homelab_bench": number}
        config = Path(folder) / f"Pulumi.{STACK}.yaml"
        config.write_text(yaml.safe_dump(said))
        with events() as (log, seen):
            shown = ours.with_variables(DEBUG).run(*UP, "--config-file", str(config), "--event-log", str(log))
    if "cluster.yml done in" not in shown:
        raise BenchError(f"no playbook ran:\n{shown[-2000:]}")
    return span(seen, STEP)


def bare(runner: str) -> float:
    """Seconds of the playbook alone on the runner."""
    begun = time.monotonic()
    done = machine.run(runner, ("python3", "-c", BARE, f"{ROOT}/kubernetes"), timeout=600)
    if done.returncode:
        raise BenchError(f"ansible-playbook on {runner} failed: {done.stderr.strip()[-1000:]}")
    return time.monotonic() - begun
