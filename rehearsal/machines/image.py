"""The root file system every machine starts from: Debian 12 with what a provider's image has, cached as one tar.

What the program installs on its machines (tinc, chrony, nftables, Ceph, Borg) is not in it; their packages only lie in apt's cache,
so that each run need not fetch them again.
"""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rehearsal import paths
from rehearsal.machines.shell import run, succeeds

SUITE = "bookworm"
PACKAGES = (
    "ca-certificates",
    "cloud-init",
    "dbus",
    "iproute2",
    "iputils-ping",
    "kmod",
    "less",
    "libpam-systemd",
    "locales",
    "openssh-server",
    "procps",
    "python3",
    "sudo",
    "systemd",
    "systemd-sysv",
    "udev",
)
CEPH = ("ceph-common", "ceph-fuse", "ceph-mds", "ceph-mgr", "ceph-mon", "ceph-osd", "radosgw")
KUBERNETES = ("busybox-static", "containerd", "iptables", "python3-venv", "runc")
BACKUP = ("borgbackup", "borgmatic", "openssh-client")
AT_HAND = ("chrony", "dnsmasq-base", "nftables", "tinc", *CEPH, *KUBERNETES, *BACKUP)
RECIPE = 3  # raise it when anything below changes what is in the image


def key() -> str:
    """Changes with the contents of the image."""
    return hashlib.sha256(repr((SUITE, PACKAGES, AT_HAND, RECIPE)).encode()).hexdigest()[:12]


def path() -> Path:
    """The tar of the current recipe, there or not."""
    return paths.cache() / f"image-{key()}" / "root.tar"


def ensure() -> Path:
    """The image, built when it is not cached (about 1 to 2 minutes, 450 MB). A killed build leaves nothing in the cache."""
    folder = path().parent
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "lock"):
        if not path().exists():
            _build(path())
    return path()


def unpack(root: Path) -> None:
    """A root file system of its own for one machine, whole or not at all."""
    scratch = root.with_name(f"{root.name}.new")
    delete(scratch)
    scratch.mkdir(parents=True)
    whole = ("--preserve-permissions", "--numeric-owner", "--xattrs", "--xattrs-include=*")
    run("tar", "--extract", *whole, f"--file={ensure()}", f"--directory={scratch}")
    scratch.rename(root)


def delete(path: Path) -> None:
    """A file or a whole tree, if it is there; never what is mounted in it."""
    remove = ("rm", "--recursive", "--force", "--one-file-system", str(path))
    if not succeeds(*remove):
        run("chattr", "-R", "-f", "-i", str(path), check=False)  # folders for mounts, which machines keep from being written to
        run(*remove)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Only one process at a time between here and the end of the block; a killed one lets go by itself."""
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _build(image: Path) -> None:
    for leaving in image.parent.glob("building-*"):  # of a killed build: we hold the lock
        delete(leaving)
    with tempfile.TemporaryDirectory(prefix="building-", dir=image.parent) as scratch:
        unfinished = Path(scratch) / "root.tar"
        run(
            "mmdebstrap",
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
            *(f"--dpkgopt=path-exclude=/usr/share/{papers}/*" for papers in ("doc", "man", "locale", "i18n")),
            "--skip=cleanup/apt/cache,cleanup/apt/lists",  # apt works at once, also when the mirror is away
            '--customize-hook=chroot "$1" apt-get clean',
            f'--customize-hook=chroot "$1" apt-get install --yes --no-install-recommends --download-only {" ".join(AT_HAND)}',
            '--customize-hook=rm -f "$1"/etc/ssh/ssh_host_*',
            SUITE,
            str(unfinished),
            timeout=1200,
        )
        unfinished.rename(image)
