"""The rehearsal as `make up` left it, and made so again."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bench.engine import BenchError, Project
from bench.stage import rerun
from rehearsal import paths
from rehearsal.machines import machine
from rehearsal.machines.folder import Folder
from rehearsal.machines.shell import wait_until

SETTLED = 300.0


def members(reported: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Name of a machine -> the rehearsal's name of it: a rented one has a name of its own there. `reported`: the stack's output."""
    by_address = {str(Folder(name).spec().address.ip): name for name in machine.names()}
    return {name: by_address[str(said["host"])] for name, said in reported.items()}


@contextmanager
def repaired(project: Project, prefix: str, before: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Whatever happens to a stage in here: the stack is whole afterwards, the laptop knows new keys, and Ceph has found itself again.

    After a failure the stage is run anew, following `before`: the engine still believes that it is there.
    """
    try:
        yield
    except BaseException:
        before()
        rerun(project, prefix)
        raise
    finally:
        _up()
    wait_until(healthy, SETTLED, lambda: "Ceph does not come back to HEALTH_OK")


def _up() -> None:
    argv = [sys.executable, "-m", "rehearsal", "up"]
    done = subprocess.run(argv, cwd=paths.checkout(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"the rehearsal is not whole again, run `make up`:\n{(done.stdout + done.stderr)[-2000:]}")


def healthy() -> bool:
    """Whether Ceph, where it is wanted, says so."""
    asked = machine.run("leviathan", ("sh", "-c", "! command -v ceph >/dev/null || timeout 20 ceph health"))
    return asked.returncode == 0 and asked.stdout.strip() in ("", "HEALTH_OK")
