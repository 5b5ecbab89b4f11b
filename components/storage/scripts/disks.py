"""What a disk is and what is on it, by reading only: shared by the ledger, by what takes a disk and by what wipes one.

A disk is claimed by its name under /dev/disk/by-id, its serial and its size; all three must fit. What is on it is read from the disk
itself, never from what udev remembers.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import stat
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from struct import error as struct_error
from struct import unpack_from
from typing import Any

from toolkit import ME, sh

BY_ID = Path("/dev/disk/by-id")
TOLERANCE = 0.02
"""How far a size may be off what was claimed: vendors round."""

MIB = 1024**2
EDGE = 16 * MIB
"""What is read at both ends; between them SAMPLES pieces of PIECE bytes, evenly spread."""
SAMPLES, PIECE = 256, 64 * 1024
LABELS = tuple(place * 1024**3 for place in (1, 10, 100, 1000))
"""Where newer releases of Ceph keep copies of an OSD's label."""

MAGIC = b"bluestore block device\n"
NAMES = {
    "LVM2_member": "a physical volume of LVM",
    "linux_raid_member": "a member of a RAID",
    "swap": "swap space",
    "crypto_LUKS": "an encrypted volume (LUKS)",
    "gpt": "a partition table (gpt)",
    "dos": "a partition table (dos)",
    "PMBR": "a partition table (gpt)",
}


@dataclass(frozen=True)
class Claim:
    """A disk as the configuration names it; size in bytes."""

    id: str
    serial: str
    size: int

    @property
    def path(self) -> Path:
        return BY_ID / self.id


@dataclass(frozen=True)
class Label:
    """An OSD's label: `fsid` and `number` are missing while it is half made, `done` once Ceph has written the last of it."""

    uuid: str
    fsid: str | None
    number: int | None
    done: bool


@dataclass(frozen=True)
class Finding:
    """Why a disk may not be taken. `wipe`: whether wiping it would help."""

    text: str
    wipe: bool = False


def osd_uuid(fsid: str, serial: str) -> str:
    """The OSD that a disk becomes: told by cluster and serial, so that a disk that is half made knows whose it is."""
    return str(uuid.uuid5(uuid.UUID(fsid), serial))


def label_of(device: Path) -> Label | None:
    """The label at a device's beginning, or None. ValueError when there is one that cannot be read."""
    with device.open("rb") as file:
        raw = file.read(64 * 1024)
    return parse_label(raw) if raw.startswith(MAGIC) else None


def parse_label(raw: bytes) -> Label:
    """MAGIC, UUID, newline; version, length; UUID, size, time, description, and a map of texts: each text with its length before it."""
    name = raw[len(MAGIC) : len(MAGIC) + 36].decode("ascii", "replace")
    at = len(MAGIC) + 37 + 6 + 16 + 8 + 8
    try:
        _, at = _text(raw, at)
        (count,) = unpack_from("<I", raw, at)
        at, said = at + 4, {}
        for _ in range(min(count, 1000)):
            key, at = _text(raw, at)
            said[key], at = _text(raw, at)
    except (ValueError, struct_error) as error:
        raise ValueError(f"an OSD's label that cannot be read ({error})") from None
    number = said.get("whoami", "")
    return Label(name, said.get("ceph_fsid"), int(number) if number.isdigit() else None, said.get("ready") == "ready")


def _text(raw: bytes, at: int) -> tuple[str, int]:
    (length,) = unpack_from("<I", raw, at)
    end = at + 4 + length
    if end > len(raw):
        raise ValueError("it ends too early")
    return raw[at + 4 : end].decode("utf-8", "replace"), end


def mistaken(claim: Claim) -> list[Finding]:
    """Why this is not the disk that was claimed; then nothing else is looked at."""
    if not claim.path.exists():
        elsewhere = [path.name for path in sorted(BY_ID.glob("*")) if "-part" not in path.name and _serials(path) == {claim.serial}]
        return [Finding("there is no such disk" + (f"; its serial is that of {elsewhere[0]}" if elsewhere else ""))]
    if not stat.S_ISBLK(claim.path.stat().st_mode):
        return [Finding("it is no disk")]
    node = _tree(claim.path)
    found = []
    serials = _serials(claim.path)
    if serials and claim.serial not in serials:
        found.append(Finding(f"its serial is {' or '.join(sorted(serials))}"))
    if not serials and claim.serial not in claim.id:
        found.append(Finding("its serial cannot be read, and its name does not have it"))
    if abs(size_of(claim.path) - claim.size) > TOLERANCE * claim.size:
        found.append(Finding(f"its size is {size_of(claim.path)} bytes, not {claim.size}"))
    if node["type"] == "part":
        found.append(Finding("it is a partition, not a whole disk"))
    return found


def occupied(device: Path) -> list[Finding]:
    """Who uses the disk now: that must end first, whatever is on it."""
    nodes = list(_nodes(_tree(device)))
    mounts = [where for node in nodes for where in node.get("mountpoints") or [] if where and where != "[SWAP]"]
    found = []
    if "/" in mounts or _is_root(device):
        return [Finding("the running system is on it")]
    if mounts:
        found.append(Finding(f"it is mounted on {', '.join(mounts)}"))
    if any("[SWAP]" in (node.get("mountpoints") or []) for node in nodes) or _is_swap(device):
        found.append(Finding("it is in use as swap"))
    users = sorted({path.name for path in Path(f"/sys/class/block/{device.resolve().name}/holders").glob("*")})
    if users:
        found.append(Finding(f"it is held by {', '.join(users)}"))
    if not found and not _exclusive(device):
        found.append(Finding("something holds it: a mount elsewhere, a running OSD, a virtual machine"))
    return found


def contents(device: Path) -> list[Finding]:
    """What is on the disk: nothing at all, as far as can be seen, for an empty list."""
    told = json.loads(sh("wipefs", "--no-act", "--json", device).stdout or '{"signatures": []}')["signatures"]
    signatures = sorted({NAMES.get(one["type"], one["type"]) for one in told})
    parts = [node["name"] for node in _nodes(_tree(device)) if node["type"] == "part"]
    found = [Finding(f"it holds {name}", wipe=True) for name in signatures]
    if parts:
        found.append(Finding(f"it has the partitions {', '.join(parts)}", wipe=True))
    if not found and (at := first_data(device)) is not None:
        found.append(Finding(f"it holds data without a known form, first seen at byte {at}", wipe=True))
    return found


def first_data(device: Path) -> int | None:
    """The first place, of those looked at, that is not zero."""
    with device.open("rb", buffering=0) as file:
        for start, length in places(size_of(device)):
            piece = os.pread(file.fileno(), length, start)
            if piece.count(0) != len(piece):
                return start + len(piece) - len(piece.lstrip(b"\0"))
    return None


def places(size: int) -> Iterator[tuple[int, int]]:
    """(start, length) of what is looked at: both ends, copies of labels, and samples between."""
    for start in range(0, min(EDGE, size), MIB):
        yield start, min(MIB, size - start)
    step = max(size // (SAMPLES + 1), PIECE)
    for start in sorted({*(step * number for number in range(1, SAMPLES + 1)), *LABELS}):
        if start + PIECE <= size:
            yield start, PIECE
    for start in range(max(0, size - EDGE), size, MIB):
        yield start, min(MIB, size - start)


def remedy(claim: Claim, findings: list[Finding]) -> str:
    """What a person may do, on this machine."""
    if all(one.wipe for one in findings):
        return f"To give up what is on it for good: make do M={ME} DO='storage/wipe {claim.id} {claim.serial}'"
    if any("running system" in one.text for one in findings):
        return "Take it out of the configuration."
    if any(one.text.startswith(("it is mounted", "it is in use", "it is held", "something holds")) for one in findings):
        return f"End that use first; then, to give it up for good: make do M={ME} DO='storage/wipe {claim.id} {claim.serial}'"
    return "Correct the configuration: make discover shows the disks as they are."


def size_of(device: Path) -> int:
    """Bytes."""
    with device.open("rb") as file:
        return file.seek(0, os.SEEK_END)


def _serials(path: Path) -> set[str]:
    """What is said to be the serial, by udev and by the kernel: one name where all is well."""
    name = path.resolve().name
    files = (Path(f"/sys/block/{name}/serial"), Path(f"/sys/block/{name}/device/serial"))
    said = [file.read_text() for file in files if file.exists()]
    said.append(sh("lsblk", "--nodeps", "--noheadings", "--raw", "--output", "SERIAL", path.resolve(), check=False).stdout)
    if shutil.which("udevadm"):
        told = sh("udevadm", "info", "--query=property", f"--name={path}", check=False).stdout.splitlines()
        said += [line.partition("=")[2] for line in told if line.startswith("ID_SERIAL_SHORT=")]
    return {one.strip() for one in said if one.strip()}


def _tree(device: Path) -> Mapping[str, Any]:
    listed = sh("lsblk", "--json", "--output", "NAME,TYPE,MOUNTPOINTS", device.resolve()).stdout
    return dict(json.loads(listed)["blockdevices"][0])


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("children", ()):
        yield from _nodes(child)


def _is_root(device: Path) -> bool:
    source = sh("findmnt", "-nvo", "SOURCE", "/", check=False).stdout.strip()
    below = sh("lsblk", "-nrso", "KNAME", source, check=False).stdout.split() if source.startswith("/dev/") else []
    return device.resolve().name in below


def _is_swap(device: Path) -> bool:
    return any(line.split()[0] == str(device.resolve()) for line in Path("/proc/swaps").read_text().splitlines()[1:])


def _exclusive(device: Path) -> bool:
    """Whether nobody has it: neither the kernel (mounts, RAID, LVM) nor an OSD, which locks it."""
    try:
        handle = os.open(device, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True
