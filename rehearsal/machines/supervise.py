"""The process that keeps one machine: `python -m rehearsal.machines.supervise NAME`, started detached by `machine.start`.

It runs systemd-nspawn in the machine's control group, again after each reboot from inside (nspawn then exits with 133),
and ends it cleanly on SIGTERM.
"""

import os
import signal
import subprocess
import sys
from types import FrameType

from rehearsal.addons import install as addons
from rehearsal.kubernetes import install as kubernetes
from rehearsal.machines import cgroups, edge, process
from rehearsal.machines.addresses import BRIDGES, SWITCH
from rehearsal.machines.disks import Attached, attach
from rehearsal.machines.folder import Folder
from rehearsal.machines.shell import inside
from rehearsal.machines.spec import Spec

REBOOT = 133
SYSTEM_CALLS = "add_key keyctl bpf request_key @keyring @mount @module @raw-io @privileged"
DEVICES = ("/dev/net/tun", "/dev/fuse", "/dev/kmsg")
ENVIRONMENT = {
    "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network",  # its own network settings, but none that it shares with the host
}
# SYSTEMD_NSPAWN_UNIFIED_HIERARCHY is left alone: nspawn gives a machine what the host has, and so its systemd a tree of version 2. With
# version 1 alone nobody tells it that the last process of a unit has ended, and now and then it waits two minutes for nothing.


def command(spec: Spec, root: str, attached: tuple[Attached, ...]) -> tuple[str, ...]:
    """The command line that boots a machine. All capabilities but the clock's: that one is the host's."""
    rented = spec.network == "internet"
    devices = [*DEVICES, *(one.device for one in attached)]
    return inside(
        edge.namespace(spec.name) if rented else SWITCH,
        (
            "systemd-nspawn",
            "--quiet",
            "--register=no",
            "--keep-unit",
            f"--directory={root}",
            f"--machine={spec.name}",
            "--boot",
            f"--network-bridge={edge.BRIDGE if rented else BRIDGES[spec.network]}",
            "--capability=all",
            "--drop-capability=CAP_SYS_TIME",
            f"--system-call-filter={SYSTEM_CALLS}",
            "--resolv-conf=off",
            "--timezone=off",
            "--link-journal=no",
            "--console=pipe",
            *(f"--bind={device}" for device in devices),
            *([f"--bind-ro={kubernetes.folder()}:{kubernetes.PLACE}"] if kubernetes.complete() else []),
            *([f"--bind-ro={addons.home()}:{addons.PLACE}"] if addons.home().is_dir() else []),
        ),
    )


class Supervisor:
    """Runs a machine until it is powered off."""

    def __init__(self, argv: tuple[str, ...]) -> None:
        self.argv = argv
        self.child: subprocess.Popen[bytes] | None = None
        self.ending = False

    def end(self, _number: int, _frame: FrameType | None) -> None:
        """Clean power-off: nspawn passes it on to the init inside."""
        self.ending = True
        if self.child:
            self.child.terminate()

    def run(self) -> int:
        """Exit status of the last boot."""
        signal.signal(signal.SIGTERM, self.end)
        while True:
            self.child = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, env=os.environ | ENVIRONMENT)
            if self.ending:  # the signal came between the check and the start
                self.child.terminate()
            status = self.child.wait()
            if self.ending or status != REBOOT:
                return status


def main(name: str) -> int:
    """Supervise the machine of that name, as its folder describes it."""
    folder = Folder(name)
    cgroups.join(name, "keeper")
    mine = process.of(os.getpid())
    assert mine is not None
    process.write(folder.pid, mine)
    spec = folder.spec()
    if cgroups.unified():
        cgroups.join(name, "machine")
    return Supervisor(command(spec, str(folder.root), attach(folder.disks, spec.disks))).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
