"""The laptop in the cafe as its owner would use it: Tinc from the distribution, its own key pair, the bundle of the stack."""

import re
import time

from config.identities import mesh_public, ssh_public
from rehearsal import paths
from rehearsal.machines import machine
from rehearsal.machines.folder import Folder
from rehearsal.machines.lab import LAPTOP
from rehearsal.machines.root import put
from rehearsal.machines.shell import MachineError

CLIENT = "usr/local/sbin/homelab-client"
KEY = "etc/tinc/homelab/rsa_key"
BACKUP_KEY = "etc/homelab/backup/ssh/id_ed25519"
INSTALL = "command -v {} >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends {}"
ROUND_TRIP = re.compile(r"= [\d.]+/([\d.]+)/")


def join(bundle_json: str) -> None:
    """Become a client of the mesh. `bundle_json`: the stack's output `clients`, {name: {"files": {path: text}}}."""
    root = Folder(LAPTOP).root
    put(root, CLIENT, (paths.checkout() / "components/mesh/client/homelab-client").read_text(), 0o755)
    private = (paths.keys() / LAPTOP).read_text()
    put(root, f"{KEY}.priv", private, 0o600)
    put(root, f"{KEY}.pub", mesh_public(private) + "\n", 0o644)
    private = (paths.keys() / f"{LAPTOP}-backup").read_text()
    put(root, BACKUP_KEY, private, 0o600)
    put(root, f"{BACKUP_KEY}.pub", ssh_public(private) + "\n", 0o644)
    _do("install Tinc", "sh", "-c", INSTALL.format("tincd", "tinc"))
    if "/etc/homelab/storage.json" in bundle_json:
        _do("install what mounts CephFS", "sh", "-c", INSTALL.format("ceph-fuse", "ceph-fuse"))
    _do("install its bundle", f"/{CLIENT}", "install", LAPTOP, stdin=bundle_json)


def reach(name: str, address: str, within: float = 30) -> float | None:
    """Round-trip time in ms from a machine to an address; None when nothing answers in time. ping itself gives up on the first
    "unreachable", which Tinc sends while it is still dialling: so it is asked again."""
    until = time.monotonic() + within
    while True:
        found = ROUND_TRIP.search(machine.run(name, ("ping", "-n", "-q", "-c", "3", "-i", "0.2", "-W", "2", address)).stdout)
        if found or time.monotonic() > until:
            return float(found.group(1)) if found else None
        time.sleep(0.5)


def _do(what: str, *argv: str, stdin: str = "") -> None:
    done = machine.run(LAPTOP, argv, stdin=stdin, timeout=300)
    if done.returncode != 0:
        raise MachineError(f"the laptop could not {what}: {(done.stderr.strip() or done.stdout.strip())[-1500:]}")
