"""How full the folder of all backups is."""

from __future__ import annotations

import os
from pathlib import Path

FULL = 0.95
"""Of the quota, or of the file system: above it no backup begins, so that one in progress can end and archives can be pruned."""


def room(folder: Path) -> dict[str, int]:
    """{"used", "most"} in bytes: of the quota where there is one, else of the file system."""
    most = attribute(folder, "ceph.quota.max_bytes")
    if most:
        return {"used": attribute(folder, "ceph.dir.rbytes"), "most": most}
    whole = os.statvfs(folder)
    used = whole.f_blocks - whole.f_bfree
    return {"used": used * whole.f_frsize, "most": (used + whole.f_bavail) * whole.f_frsize}


def attribute(folder: Path, name: str) -> int:
    """0 where there is none."""
    try:
        return int(os.getxattr(folder, name))
    except (OSError, ValueError):
        return 0


def full(said: dict[str, int]) -> str:
    """Why no backup may begin; empty when one may."""
    if not said["most"] or said["used"] < FULL * said["most"]:
        return ""
    return (
        f"{said['used'] / 1e9:.1f} of {said['most'] / 1e9:.1f} GB for backups are used, more than {FULL:.0%}: nothing is stored until "
        "there is room. Raise homelab:backup.quota, keep fewer archives (homelab:backup.keep) or exclude more; then `make up`"
    )
