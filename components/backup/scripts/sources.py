"""What of a machine is stored: its own file systems, and what is left out of them. Pure, but for `expand`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

LOCAL = {"bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "reiserfs", "vfat", "xfs", "zfs"}

ALWAYS = (
    "/dev", "/proc", "/run", "/sys", "/tmp", "/var/tmp", "/mnt", "/media", "/srv", "/lost+found", "/swapfile", "/swap.img",
    # Ceph: the disks are the storage itself. A monitor's store is of no use once the others have gone on; they give it anew.
    "/var/lib/ceph/mon", "/var/lib/ceph/osd", "/var/lib/ceph/crash", "/var/log/ceph",
    # Kubernetes: etcd has snapshots; images and layers come again; what pods keep is on volumes.
    "/var/lib/etcd", "/var/lib/etcd-events", "/var/lib/containerd", "/var/lib/docker", "/var/lib/kubelet/pods",
    "/var/lib/kubelet/plugins", "/var/log/pods", "/var/log/containers", "/var/lib/homelab/kubespray/venv",
    "/var/cache/apt/archives", "/var/lib/apt/lists", "/var/cache/man", "/root/.cache", "/home/*/.cache", "/var/lib/systemd/coredump",
    "/var/lib/homelab/backup/borg",
)  # fmt: skip
"""Left out on every machine, with all that is below. /srv: only what is mounted there is not the machine's own."""


def expand(patterns: Iterable[str]) -> list[str]:
    """Paths as they are here, for those that stand for several."""
    return sorted({path for pattern in patterns for path in (_all(pattern) if "*" in pattern else [pattern])})


def _all(pattern: str) -> list[str]:
    return [str(path) for path in Path("/").glob(pattern.lstrip("/"))]


def excludes(mountinfo: str, more: Iterable[str]) -> list[str]:
    """Everything that is left out. /srv is the machine's own; what is mounted below it is not."""
    ours = [path for path in ALWAYS if path != "/srv"]
    mounted = [where for where, _, _, kind in mounts(mountinfo) if where.startswith("/srv/") and kind not in LOCAL]
    return sorted({*ours, *mounted, *more})


def mounts(mountinfo: str) -> Sequence[tuple[str, str, str, str]]:
    """(where, device number, folder of it, kind) of each mount, as /proc/self/mountinfo has them."""
    found = []
    for line in filter(None, mountinfo.splitlines()):
        before, _, after = line.partition(" - ")
        _, _, device, folder, where = before.split()[:5]
        found.append((_plain(where), device, folder, after.split()[0]))
    return found


def sources(mountinfo: str, left_out: Iterable[str]) -> list[str]:
    """/ and every other local file system of the machine, each once: what is bound to a second place is stored at its first."""
    out = [*left_out]
    seen = {device for where, device, _, _ in mounts(mountinfo) if where == "/"}
    chosen = ["/"]
    for where, device, _, kind in mounts(mountinfo):
        if kind in LOCAL and device not in seen and where != "/" and not any(below(where, path) for path in out):
            seen.add(device)
            chosen.append(where)
    return chosen


def below(path: str, folder: str) -> bool:
    """Whether a path is that folder or in it."""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _plain(where: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), where)
