"""The storage stage on machines without any of it, against the same typed in by hand: the same tools over SSH, one after the other.

What was stored in the rehearsal is gone afterwards: the disks are wiped before each run.
"""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.byhand import MOUNT, VAR, Typed, typed
from bench.engine import BenchError, rehearsed
from bench.result import Limit, Result, compare
from bench.stage import rerun
from bench.whole import members, repaired
from components.plan import plan
from components.remote.ssh import Target, options, pin
from components.remote.toolbox import ROOT
from components.storage.plan import StoragePlan
from config.ceph import CephKeys, new_fsid, new_key
from config.load import read
from rehearsal.machines import machine
from rehearsal.program import STACK

RUNS = 2
STAGE = "storage-"
STEP = 900.0
"""Seconds for one step by hand; the last waits until the cluster is healthy."""

CLEARED = 400.0
AS_ROOT = '[ "$(id -u)" = 0 ] && exec sh -eu -s; exec sudo -n sh -eu -s'
# What a mount of by hand has left is ended first, while its cluster still answers.
CLEAR = f"""set -eu
timeout 20 umount {{mount}} 2>/dev/null || umount --lazy {{mount}} 2>/dev/null || true
systemctl stop {MOUNT} 2>/dev/null || true
{ROOT}/remote/run --deadline 300 storage/leave
systemctl reset-failed 'ceph-*' 2>/dev/null || true
rm -rf /etc/ceph/ceph.c* {VAR}/mon/* {VAR}/mgr/* {VAR}/mds/* {VAR}/osd/* {VAR}/radosgw/* {VAR}/crash/2*
"""


def measure() -> Iterator[Result]:
    """One result, in seconds: of the stage inside an `up`, and of everything that was typed. Packages are there in both."""
    ours, wanted = rehearsed(), plan(read(STACK)).storage
    reported: Mapping[str, Mapping[str, object]] = json.loads(ours.run("stack", "output", "--json"))["machines"]
    machines = members(reported)
    targets = {name: Target.read(said) for name, said in reported.items()}
    by_hand, stage = [], []
    with repaired(ours, STAGE, lambda: clear_all(wanted, machines)):
        for _ in range(RUNS):
            clear_all(wanted, machines)
            by_hand.append(typing(wanted, targets, ours.environment))
            clear_all(wanted, machines)
            stage.append(rerun(ours, STAGE))
    yield compare("storage stage, against the same by hand", stage, by_hand, "s", Limit(1.5))


def clear_all(wanted: StoragePlan, machines: Mapping[str, str]) -> None:
    """Machines with packages and disks, and nothing of Ceph on either. `machines`: name -> the rehearsal's name."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: _clear(wanted, name, machines[name]), wanted.machines))


def _clear(wanted: StoragePlan, name: str, here: str) -> None:
    wipes = "".join(f"{ROOT}/remote/run storage/wipe {osd.id} {osd.serial}\n" for osd in wanted.disks_of(name))
    done = machine.run(here, ("sh", "-c", CLEAR.format(mount=wanted.mount_point) + wipes), timeout=CLEARED)
    if done.returncode:
        raise BenchError(f"Ceph could not be taken off {name}: {(done.stderr or done.stdout).strip()[-1500:]}")


def typing(wanted: StoragePlan, targets: Mapping[str, Target], environment: Mapping[str, str]) -> float:
    """Seconds from the first command to the last answer. `environment`: with the operator's SSH agent."""
    keys = CephKeys.model_validate({"fsid": new_fsid(), "monKey": new_key(), "adminKey": new_key()})
    begun = time.monotonic()
    for step in typed(wanted, keys):
        _type(targets[step.machine], step, environment)
    return time.monotonic() - begun


def _type(target: Target, step: Typed, environment: Mapping[str, str]) -> None:
    with TemporaryDirectory(prefix="homelab-bench-") as name:
        line = [*options(target, pin(target, Path(name))), AS_ROOT]
        try:  # in braces the shell has read all of it before a command can
            done = subprocess.run(
                line,
                input=f"{{\n{step.text}}} < /dev/null\n",
                env=dict(environment),
                capture_output=True,
                text=True,
                timeout=STEP,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BenchError(f"by hand, on {step.machine}: no end within {STEP:.0f} s of\n{_shown(step)}") from None
    if done.returncode:
        raise BenchError(f"by hand, on {step.machine}: {(done.stderr or done.stdout).strip()[-1500:]}\nthis was typed:\n{_shown(step)}")


def _shown(step: Typed) -> str:
    """Without the lines that hold keys."""
    return "\n".join(line for line in step.text.splitlines() if "key = " not in line)[-1500:]
