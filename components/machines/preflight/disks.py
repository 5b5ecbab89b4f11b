"""Preflight's look at disks: present, the right ones, and free. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from components.machines.preflight.findings import Disk, Expectation, Facts, Finding, size_text

DISK_TOLERANCE = 0.02


def disks(expectation: Expectation, facts: Facts) -> Iterable[Finding]:
    present = facts.get("disks")
    if present is None:
        return
    for wanted in expectation.disks:
        match = next((disk for disk in present if wanted.id in disk["ids"]), None)
        yield from _missing_disk(expectation, wanted, present) if match is None else _disk(expectation, wanted, match)


def _missing_disk(expectation: Expectation, wanted: Disk, present: list[dict[str, Any]]) -> Iterable[Finding]:
    same = [disk["path"] for disk in present if disk["serial"] == wanted.serial]
    found = f"no such disk; its serial is at {same[0]}" if same else "no such disk"
    remedy = f"Plug it in, or correct the configuration (make discover HOST=… shows the disks of {expectation.name})."
    yield Finding(expectation.name, f"disk {wanted.id}", "failure", found, f"serial {wanted.serial}, {size_text(wanted.size)}", remedy)


def _disk(expectation: Expectation, wanted: Disk, disk: dict[str, Any]) -> Iterable[Finding]:
    check = f"disk {wanted.id}"
    right_size = abs(disk["size"] - wanted.size) <= DISK_TOLERANCE * wanted.size
    problems = [
        (disk["serial"] is not None and disk["serial"] != wanted.serial, f"serial {disk['serial']}", f"serial {wanted.serial}"),
        (not right_size, size_text(disk["size"]), size_text(wanted.size)),
        (disk["root"], "the system is on it", "a disk of its own"),
        (bool(disk["mounts"]) and not disk["root"], f"mounted on {', '.join(disk['mounts'])}", "not in use"),
    ]
    failures = [(found, hoped) for wrong, found, hoped in problems if wrong]
    for found, hoped in failures:
        remedy = "Correct the configuration; the program never touches a disk that is not what it says."
        yield Finding(expectation.name, check, "failure", found, hoped, remedy)
    foreign = [text for text in disk["holds"] if not text.startswith("ceph")]
    if foreign and not failures:
        remedy = f"It will not be touched while it holds this. To give it up for good: wipefs -a {disk['path']}"
        yield Finding(expectation.name, check, "warning", f"holds {', '.join(foreign)}", "empty", remedy)
    if disk["serial"] is None:
        yield Finding(
            expectation.name, check, "warning", "its serial cannot be read", wanted.serial, "Compare it with the label on the disk."
        )
    if not failures and not foreign:
        yield Finding(expectation.name, check, "ok", f"{disk['path']}, {size_text(disk['size'])}")
