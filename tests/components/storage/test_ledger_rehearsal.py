"""The ledger on real block devices: what it refuses it leaves as it was, to the last byte."""

import hashlib
import json
import os
import shlex
import struct
import subprocess
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.storage import plan
from tests.components.storage.label import label

pytestmark = pytest.mark.rehearsal
SCRIPTS = Path(plan.__file__).parents[1]
FSID, OTHER = "11111111-2222-4333-8444-555555555555", "99999999-2222-4333-8444-555555555555"
IDENTITY = "8c3e23b6-9de8-5a2e-8e3c-1d1d4e0b7d11"
SIZE = 64 * 1024**2
MIB = 1024**2


@dataclass(frozen=True)
class Disk:
    """A loop device that a machine of its own /dev has under its by-id name."""

    device: str
    file: Path

    def write(self, at: int, data: bytes) -> None:
        with Path(self.device).open("r+b") as disk:
            disk.seek(at)
            disk.write(data)
        os.sync()

    def sum(self) -> str:
        os.sync()
        return hashlib.sha256(self.file.read_bytes()).hexdigest()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    file = tmp_path / "disk.img"
    with file.open("wb") as image:
        image.truncate(SIZE)
    device = sh("losetup", "--find", "--show", str(file)).strip()
    try:
        yield Disk(device, file)
    finally:
        sh("losetup", "--detach", device)


def sh(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def run(disk: Disk, script: str, *arguments: str, stdin: str = "", mounts: str = "") -> subprocess.CompletedProcess[str]:
    """A script in a mount namespace whose /dev has this disk as id `ata-TEST_1`, serial TEST-1."""
    number = Path(disk.device).stat().st_rdev
    entry = "E:DEVTYPE=disk\nE:ID_SERIAL=TEST_1\nE:ID_SERIAL_SHORT=TEST-1\nV:1\n"
    lines = [
        "set -e",
        "mount --make-rprivate /",
        mounts,
        "mkdir -p /run/udev",
        "mount -t tmpfs tmpfs /run/udev",
        "mkdir /run/udev/data",
        f"printf %s {shlex.quote(entry)} >/run/udev/data/b{os.major(number)}:{os.minor(number)}",
        "mount -t tmpfs -o dev tmpfs /dev",
        "mknod /dev/null c 1 3",
        f"mknod {disk.device} b {os.major(number)} {os.minor(number)}",
        f"mkdir -p /dev/disk/by-id && ln -s {disk.device} /dev/disk/by-id/ata-TEST_1",
        f"cd {SCRIPTS}/storage/scripts && exec ./{shlex.join([script, *arguments])}",
    ]
    argv = ["unshare", "--mount", "sh", "-c", "\n".join(lines)]
    # Outside of a toolbox remote/ is beside the features' own scripts.
    environment = {**os.environ, "PYTHONPATH": f"{SCRIPTS}/remote/scripts", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=60, check=False, env=environment)


def judged(disk: Disk, mounts: str = "", **claim: object) -> subprocess.CompletedProcess[str]:
    claimed = {"id": "ata-TEST_1", "serial": "TEST-1", "size": SIZE, "bay": "3", **claim}
    return run(disk, "ledger", stdin=json.dumps({"fsid": FSID, "disks": [claimed]}), mounts=mounts)


def refused(disk: Disk, *words: str, mounts: str = "", **claim: object) -> str:
    """Refused with these words, the device being the same before and after."""
    before = disk.sum()
    answer = judged(disk, mounts, **claim)
    assert answer.returncode == 1, answer.stderr
    assert disk.sum() == before
    said = answer.stderr
    assert "TEST-1" in said or claim, said
    assert all(word in said for word in (*words, "nothing was changed")), said
    return said


def ext4(disk: Disk) -> None:
    sh("mkfs.ext4", "-q", disk.device)


def swap(disk: Disk) -> None:
    sh("mkswap", disk.device)


def partitions(disk: Disk) -> None:
    entry = struct.pack("<BBBBBBBBII", 0, 0, 2, 0, 0x83, 0, 9, 0, 2048, 4096)
    disk.write(446, entry + bytes(48) + b"\x55\xaa")


def lvm(disk: Disk) -> None:
    """A physical volume's label in the second sector; its checksum is the usual one, started from LVM's own number."""
    rest = struct.pack("<I", 32) + b"LVM2 001" + b"k3Hd8sPqW1zXc5vB7nM0lKjHgFdSaPoI" + struct.pack("<Q", SIZE)
    rest = rest.ljust(512 - 20, b"\0")
    checksum = zlib.crc32(rest, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
    disk.write(512, b"LABELONE" + struct.pack("<QI", 1, checksum) + rest)


def raid(disk: Disk) -> None:
    """A superblock of version 1.2, 4 KiB from the beginning."""
    head = struct.pack("<IIII", 0xA92B4EFC, 1, 0, 0) + bytes(range(16)) + b"host:0".ljust(32, b"\0")
    head += struct.pack("<QIIQIIII", 0, 1, 0, SIZE // 512 - 2048, 0, 2, 0, 0)
    block = bytearray(head.ljust(256, b"\0"))
    block[128:152] = struct.pack("<QQQ", 2048, SIZE // 512 - 2048, 8)
    total = sum(struct.unpack("<64I", bytes(block)))
    block[216:220] = struct.pack("<I", ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF)
    disk.write(4096, bytes(block))


def foreign(disk: Disk) -> None:
    disk.write(0, label(IDENTITY, {"ceph_fsid": OTHER, "whoami": "3", "mkfs_done": "yes"}))


def half_foreign(disk: Disk) -> None:
    disk.write(0, label(IDENTITY, {}))


def damaged(disk: Disk) -> None:
    disk.write(0, label(IDENTITY, {"ceph_fsid": FSID})[:100] + b"\xff" * 400)


HOLDS: dict[str, tuple[Callable[[Disk], None], str]] = {
    "a file system": (ext4, "it holds ext4"),
    "swap space": (swap, "it holds swap space"),
    "partitions": (partitions, "it holds a partition table (dos)"),
    "LVM": (lvm, "it holds a physical volume of LVM"),
    "RAID": (raid, "it holds a member of a RAID"),
    "another cluster's OSD": (foreign, f"it is an OSD of the Ceph cluster {OTHER}"),
    "another cluster's OSD, half made": (half_foreign, "it is an OSD of a Ceph cluster that is not told"),
    "a damaged label": (damaged, "an OSD's label that cannot be read"),
    "bytes at the first MiB": (lambda disk: disk.write(MIB, b"hello"), f"first seen at byte {MIB}"),
    "one byte at the very end": (lambda disk: disk.write(SIZE - 1, b"x"), f"first seen at byte {SIZE - 1}"),
    "bytes in the middle": (lambda disk: disk.write(SIZE // 2, b"x" * MIB), "it holds data without a known form"),
}


@pytest.mark.parametrize("what", HOLDS)
def test_a_disk_that_holds_something_is_refused_with_the_command_that_gives_it_up(disk: Disk, what: str) -> None:
    prepare, words = HOLDS[what]
    prepare(disk)
    said = refused(disk, words, "in bay 3")
    assert "DO='storage/wipe ata-TEST_1 TEST-1'" in said


@pytest.mark.parametrize("what", HOLDS)
def test_wiping_by_name_makes_a_disk_empty_again(disk: Disk, what: str) -> None:
    HOLDS[what][0](disk)
    wiped = run(disk, "wipe", "ata-TEST_1", "TEST-1")
    assert wiped.returncode == 0, wiped.stderr
    assert judged(disk).returncode == 0


def test_an_empty_disk_may_be_taken(disk: Disk) -> None:
    answer = judged(disk)
    assert answer.returncode == 0 and "is empty" in answer.stderr, answer.stderr


@pytest.mark.parametrize("said", [{"ceph_fsid": FSID, "whoami": "3", "mkfs_done": "yes"}, {"ceph_fsid": FSID}])
def test_a_disk_of_this_cluster_is_ours(disk: Disk, said: dict[str, str]) -> None:
    disk.write(0, label(IDENTITY, said))
    answer = judged(disk)
    assert answer.returncode == 0 and "is ours" in answer.stderr, answer.stderr


def test_a_disk_that_an_earlier_run_has_begun_is_ours_by_cluster_and_serial(disk: Disk) -> None:
    disk.write(0, label(str(uuid.uuid5(uuid.UUID(FSID), "TEST-1")), {}))
    assert "is ours" in judged(disk).stderr


def test_a_disk_of_another_size_is_refused(disk: Disk) -> None:
    refused(disk, f"its size is {SIZE} bytes, not {2 * SIZE}", size=2 * SIZE)


def test_a_disk_of_another_serial_is_refused(disk: Disk) -> None:
    refused(disk, "its serial is TEST-1", serial="TEST-2")


def test_a_missing_disk_is_refused_and_its_serial_looked_for_elsewhere(disk: Disk) -> None:
    refused(disk, "there is no such disk; its serial is that of ata-TEST_1", id="ata-TEST_9")


def test_a_mounted_disk_is_refused_and_never_wiped(disk: Disk, tmp_path: Path) -> None:
    ext4(disk)
    with mounted(disk, tmp_path):
        refused(disk, "it is mounted on", "End that use first")
        before = disk.sum()
        assert run(disk, "wipe", "ata-TEST_1", "TEST-1").returncode == 1
        assert disk.sum() == before


def test_the_disk_of_the_running_system_is_refused(disk: Disk) -> None:
    ext4(disk)
    said = refused(disk, "the running system is on it", mounts=f"mount -o ro,noload {disk.device} /")
    assert "wipe" not in said


def test_swap_in_use_is_refused(disk: Disk) -> None:
    swap(disk)
    sh("swapon", disk.device)
    try:
        refused(disk, "it is in use as swap")
    finally:
        sh("swapoff", disk.device)


def test_a_disk_that_a_program_holds_is_refused(disk: Disk) -> None:
    held = os.open(disk.device, os.O_RDONLY | os.O_EXCL)
    try:
        refused(disk, "something holds it")
    finally:
        os.close(held)


def test_every_disk_that_may_not_be_taken_is_named_at_once(disk: Disk) -> None:
    ext4(disk)
    good = {"id": "ata-TEST_1", "serial": "TEST-1", "size": SIZE, "bay": "3"}
    several = [good, {**good, "id": "ata-TEST_8", "serial": "TEST-8"}, {**good, "id": "ata-TEST_9", "serial": "TEST-9"}]
    answer = run(disk, "ledger", stdin=json.dumps({"fsid": FSID, "disks": several}))
    assert "3 of 3 disks refused" in answer.stderr
    assert all(f"TEST-{number}" in answer.stderr for number in (1, 8, 9)), answer.stderr


def test_wiping_needs_the_right_serial(disk: Disk) -> None:
    ext4(disk)
    before = disk.sum()
    answer = run(disk, "wipe", "ata-TEST_1", "TEST-2")
    assert answer.returncode == 1 and disk.sum() == before


@contextmanager
def mounted(disk: Disk, folder: Path) -> Iterator[None]:
    where = folder / "mounted"
    where.mkdir()
    sh("mount", "-o", "ro,noload", disk.device, str(where))
    try:
        yield
    finally:
        sh("umount", str(where))
