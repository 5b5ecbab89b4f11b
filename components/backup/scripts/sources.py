"""What of a machine is stored: its own file systems, and what is left out of them. Pure, but for `expand`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

LOCAL = {"bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "reiserfs", "vfat", "xfs", "zfs"}
SUBVOLUMES = {"bcachefs", "btrfs"}

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
    mounted = [one.where for one in mounts(mountinfo) if one.where.startswith("/srv/") and one.kind not in LOCAL]
    return sorted({*ours, *mounted, *more})


@dataclass(frozen=True)
class Mount:
    """`device`: its number; `folder`: of that file system, which is to be seen at `where`."""

    where: str
    device: str
    folder: str
    kind: str


def mounts(mountinfo: str) -> Sequence[Mount]:
    """As /proc/self/mountinfo has them; of several at one place the last, which hides the others."""
    found = {}
    for line in filter(None, mountinfo.splitlines()):
        before, _, after = line.partition(" - ")
        _, _, device, folder, where = before.split()[:5]
        found[_plain(where)] = Mount(_plain(where), device, _plain(folder), after.split()[0])
    return [*found.values()]


def sources(mountinfo: str, left_out: Iterable[str]) -> list[str]:
    """/ and every other local file system of the machine, each once: what is bound to a second place is stored at its first."""
    out, every = [*left_out], mounts(mountinfo)
    walked = [one for one in every if one.where == "/"]
    chosen = ["/"]
    # Whole file systems first: folders of theirs that are bound elsewhere are then seen to be in them.
    for one in sorted(every, key=lambda one: len(Path(one.folder).parts)):
        if one.where == "/" or one.kind not in LOCAL or any(below(one.where, path) for path in out):
            continue
        if _over(one.where, every) in walked and _same(one, _over(one.where, every)):
            walked.append(one)  # Borg goes into it by itself
        elif not any(_within(one, other, every, out) for other in walked):
            walked.append(one)
            chosen.append(one.where)
    return chosen


def _same(one: Mount, other: Mount) -> bool:
    """Whether what is mounted there is for Borg, which asks stat(2), one file system. All subvolumes have one number in mountinfo, and
    each another one in stat."""
    return one.device == other.device and one.kind not in SUBVOLUMES


def _over(path: str, every: Iterable[Mount]) -> Mount | None:
    """The mount that a path's folder is in."""
    above = [one for one in every if below(path, one.where) and path != one.where]
    return max(above, key=lambda one: len(one.where), default=None)


def _within(one: Mount, other: Mount, every: Sequence[Mount], out: Iterable[str]) -> bool:
    """Whether all of it is stored with the other one: it lies in that folder, nothing is mounted over it there, and it is not left out."""
    if one.kind in SUBVOLUMES:
        return (one.device, one.folder) == (other.device, other.folder)
    if one.device != other.device or not below(one.folder, other.folder):
        return False
    place = str(Path(other.where) / Path(one.folder).relative_to(other.folder))
    reached = place == other.where or (_over(place, every) == other and all(place != mount.where for mount in every))
    return reached and not any(below(place, path) for path in out)


def below(path: str, folder: str) -> bool:
    """Whether a path is that folder or in it."""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def _plain(where: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), where)
