"""A whole machine out of its archive: what of the new installation stays, and how the old files take the place of the others."""

from __future__ import annotations

import errno
import fnmatch
import os
import shutil
import stat
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

STAYS = (
    # The hardware's, and what the installer made for it. Modules of the new kernel stay beside the old ones.
    "boot", "efi", "etc/fstab", "etc/crypttab", "etc/mdadm", "etc/lvm", "etc/default/grub*", "etc/grub.d", "etc/initramfs-tools",
    "etc/machine-id", "var/lib/dbus/machine-id", "etc/udev", "lib/firmware", "usr/lib/firmware", "var/lib/systemd/random-seed",
    # How it is reached.
    "etc/network", "etc/netplan", "etc/systemd/network", "etc/NetworkManager", "etc/resolv.conf", "etc/hostname", "etc/hosts",
    "etc/ssh/ssh_host_*", "etc/ssh/sshd_config.d/5?-homelab*", "etc/ssh/sshd_config.d/50-cloud*", "root/.ssh/authorized_keys",
    "etc/cloud", "var/lib/cloud",
    # What `make up` has made for the new installation: it knows these, and would not make them again.
    "etc/homelab", "usr/local/lib/homelab", "var/lib/homelab", "var/lib/homelab-backup", "etc/tinc/homelab", "etc/ceph", "var/lib/ceph",
    "etc/kubernetes", "var/lib/kubelet", "var/lib/etcd*", "etc/ssl/etcd", "etc/etcd*", "etc/cni", "opt/cni", "var/lib/cni",
    "var/lib/containerd", "etc/containerd", "etc/crictl.yaml", "root/.kube", "var/lib/calico", "etc/calico", "usr/libexec/kubernetes",
    "etc/chrony/sources.d/homelab*", "etc/apt/apt.conf.d/52homelab*", "etc/apt/preferences.d/homelab*", "etc/apt/sources.list.d/homelab*",
    "etc/apt/keyrings/homelab*", "etc/systemd/resolved.conf.d/homelab*", "etc/dhcp/dhclient-enter-hooks.d/homelab",
    "etc/systemd/system/homelab-*", "etc/systemd/system/*/homelab-*", "etc/systemd/system/*.d/homelab.conf",
    "etc/systemd/system/ceph-*", "etc/systemd/system/tinc@*",
    *(f"etc/systemd/system/{unit}*" for unit in ("kubelet", "etcd", "containerd", "kube-", "pod-network", "k8s-certs-renew")),
    *(f"usr/local/bin/{name}*" for name in ("kube", "etcd", "crictl", "containerd", "ctr", "runc", "nerdctl", "calicoctl")),
    "usr/local/sbin/pod-network",
)  # fmt: skip
"""Patterns of paths that the archive does not bring, each with all that is below it."""


def left_out() -> list[str]:
    """The same for `borg extract`."""
    return [word for pattern in STAYS for word in ("--exclude", f"sh:{pattern}")]


def stays(path: str) -> bool:
    """Whether a path (from / on, without the first slash) is the new installation's."""
    parts = path.split("/")
    return any(fnmatch.fnmatchcase("/".join(parts[: pattern.count("/") + 1]), pattern) for pattern in STAYS)


def settle(staging: Path, root: Path) -> int:
    """Move every file of the staging folder to its place below root, over what is there; gives how many. What is there and not in the
    archive stays. Both are on one file system, so that each file is there as a whole at every moment."""
    count = 0
    for folder, folders, files in os.walk(staging):
        here = Path(folder)
        place = root / here.relative_to(staging)
        for name in [*files, *(name for name in folders if (here / name).is_symlink())]:
            _put(here / name, place / name)
            count += 1
        folders[:] = [name for name in folders if not (here / name).is_symlink()]
        for name in folders:
            _folder(here / name, place / name)
    return count


def _put(new: Path, old: Path) -> None:
    if old.is_dir() and not old.is_symlink():
        if any(old.iterdir()):
            old.rename(old.with_name(f"{old.name}.before-restore"))
        else:
            old.rmdir()
    try:
        new.replace(old)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = old.with_name(f".{old.name}.homelab")  # /home or the like on a disk of its own
        subprocess.run(["cp", "--archive", "--no-target-directory", str(new), str(beside)], check=True)
        beside.replace(old)


def _folder(new: Path, old: Path) -> None:
    """The folder itself: a link to a folder that has its name on the new system stays what it is."""
    if old.is_symlink() and old.is_dir():
        return
    if os.path.lexists(old) and not old.is_dir():
        old.unlink()
    old.mkdir(exist_ok=True)
    facts = new.stat()
    os.chown(old, facts.st_uid, facts.st_gid)
    old.chmod(stat.S_IMODE(facts.st_mode))
    shutil.copystat(new, old)


def numbers(text: str) -> dict[str, int]:
    """Name -> number, of a passwd or group file."""
    rows = (line.split(":") for line in text.splitlines() if line.count(":") >= 2)
    return {row[0]: int(row[2]) for row in rows if row[2].isdigit()}


def renumbered(before: Mapping[str, int], after: Mapping[str, int]) -> dict[int, int]:
    """Old number -> new one, for names whose number becomes another: files of theirs that stay must be given to them again."""
    return {number: after[name] for name, number in before.items() if name in after and after[name] != number}


def missing(before: str, after: str) -> list[str]:
    """Lines of the new installation's passwd, group or shadow for names that the archive's does not know: their files stay."""
    known = {line.split(":")[0] for line in after.splitlines()}
    return [line for line in before.splitlines() if line and line.split(":")[0] not in known]


def kept(root: Path) -> Iterator[Path]:
    """Everything below root that stays."""
    for pattern in STAYS:
        for top in sorted(root.glob(pattern)):
            yield top
            if top.is_dir() and not top.is_symlink():
                for folder, folders, files in os.walk(top):
                    if os.lstat(folder).st_dev != os.lstat(root).st_dev:
                        folders.clear()
                        continue
                    yield from (Path(folder) / name for name in (*folders, *files))


def give(paths: Iterable[Path], users: Mapping[int, int], groups: Mapping[int, int]) -> int:
    """New owners for files of renumbered ones; gives how many."""
    count = 0
    for path in paths:
        facts = os.lstat(path)
        if facts.st_uid in users or facts.st_gid in groups:
            os.lchown(path, users.get(facts.st_uid, facts.st_uid), groups.get(facts.st_gid, facts.st_gid))
            if not stat.S_ISLNK(facts.st_mode):
                path.chmod(stat.S_IMODE(facts.st_mode))  # a change of owner takes setuid away
            count += 1
    return count


ACCOUNTS: Sequence[str] = ("passwd", "group", "shadow", "gshadow")
