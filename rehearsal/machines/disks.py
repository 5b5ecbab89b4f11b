"""Disks: sparse files as loop devices. The machine sees a device node, a by-id link and what udev knows of the serial.

udevd cannot run in such a machine, so its database entry is written at each boot by systemd-tmpfiles.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from rehearsal.machines.shell import MachineError, run
from rehearsal.machines.spec import Disk

TMPFILES = Path("etc/tmpfiles.d/disks.conf")  # in the machine
LOOP_MAJOR = 7


@dataclass(frozen=True)
class Attached:
    """A disk and the loop device that carries it."""

    disk: Disk
    device: str

    @property
    def number(self) -> int:
        """The loop device's minor number."""
        return int(self.device.removeprefix("/dev/loop"))


def attach(folder: Path, disks: tuple[Disk, ...]) -> tuple[Attached, ...]:
    """Make missing disk files in the folder and give each a loop device; those that have one keep it."""
    folder.mkdir(parents=True, exist_ok=True)
    devices = attached(folder)
    made = []
    for disk in disks:
        image = folder / f"{disk.id}.img"
        if not image.exists():
            with image.open("wb") as file:
                os.truncate(file.fileno(), disk.size_bytes)
        device = devices.get(str(image)) or run("losetup", "--find", "--show", str(image)).strip()
        made.append(Attached(disk, device))
    return tuple(made)


def attached(folder: Path) -> dict[str, str]:
    """Backing file -> device of the host's loop devices whose file is, or was before its deletion, below the folder."""
    listing = run("losetup", "--list", "--json", "--output", "NAME,BACK-FILE")
    devices = json.loads(listing)["loopdevices"] if listing.strip() else []
    files = {device["back-file"].removesuffix(" (deleted)"): device["name"] for device in devices if device["back-file"]}
    return {file: name for file, name in files.items() if Path(file).is_relative_to(folder)}


def detach(folder: Path) -> None:
    """Give back the loop devices of all files below the folder. MachineError when one is still in use."""
    for device in attached(folder).values():
        run("losetup", "--detach", device)
    if left := attached(folder):
        raise MachineError(f"still in use: {', '.join(f'{device} of {file}' for file, device in sorted(left.items()))}")


def tmpfiles(disks: tuple[Attached, ...]) -> str:
    """tmpfiles.d lines: links by id, and udev database entries from which udevadm and lsblk read the serial."""
    lines = ["d /dev/disk/by-id 0755 root root -"] if disks else []
    for one in disks:
        entry = f"S:disk/by-id/{one.disk.id}\\nE:DEVTYPE=disk\\nE:ID_SERIAL={one.disk.id}\\nE:ID_SERIAL_SHORT={one.disk.serial}\\nV:1\\n"
        lines += [
            f"L+ /dev/disk/by-id/{one.disk.id} - - - - ../../loop{one.number}",
            f"f+ /run/udev/data/b{LOOP_MAJOR}:{one.number} 0644 root root - {entry.replace('%', '%%')}",
        ]
    return "".join(f"{line}\n" for line in lines)
