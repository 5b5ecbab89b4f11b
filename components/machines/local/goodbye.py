"""The one goodbye to an own machine that leaves the program: best effort, bounded, never an error.

Run as a module in the project's folder; reads the `Target` as JSON from standard input. It asks the machine to stop and remove what the
program made there (`machines/leave`) and says what stays, also when the machine is dead or was installed anew.
"""

import json
import shlex
import sys

from components.machines.local.contact import SSH_FAILED
from components.remote.ssh import Target, run
from components.remote.toolbox import ROOT

PATIENCE = 300
"""Seconds: services that wait for a storage whose other half is dead end only when systemd loses its own patience."""

LEAVING = "leaving"
"""First line of `machines/leave`: from here on it goes on by itself, also when the connection is lost."""


def leave(name: str) -> str:
    """The command line on the machine. It ends with 77 where nothing of ours is, or where the machine has another name by now."""
    return f"test -x {ROOT}/remote/run || exit 77; exec {ROOT}/remote/run --deadline {PATIENCE} machines/leave {shlex.quote(name)}"


def farewell(target: Target, returncode: int, output: str) -> str:
    """What a person should know after the attempt."""
    if returncode == 0:
        return f"{target.name} left: {output.strip().splitlines()[-1]}"
    if returncode == 77:
        return f"{target.name}: nothing of this program is there under this name, so nothing is to be left"
    if output.startswith(LEAVING) and returncode == SSH_FAILED:
        return f"{target.name}: the connection was lost while it left; it goes on by itself"
    if "Host key verification failed" in output:
        return f"{target.name}: the system with the old host key is gone, so there is nothing to leave"
    why = output.strip().splitlines()[-1] if output.strip() else f"exit status {returncode}"
    return (
        f"WARNING {target} could not be asked to leave ({why}). What stays on it: the mesh (tinc@homelab, mesh0), what it had of Ceph and "
        f"Kubernetes (kubelet, containers, etcd, the runner's key), backups (homelab-backup, homelab-keep), name servers (homelab-names@), "
        f"the host firewall (homelab-firewall), /etc/homelab and {ROOT}. "
        f"When it is back: sudo {ROOT}/remote/run machines/leave {target.name}"
    )


def main() -> int:
    target = Target.read(json.load(sys.stdin))
    ended = run(target, leave(target.name), deadline=PATIENCE + 30)
    print(
        farewell(target, ended.returncode, ended.stdout if ended.returncode in (0, SSH_FAILED) and ended.stdout else ended.stderr),
        file=sys.stderr,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
