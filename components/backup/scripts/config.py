"""The Borgmatic configuration of this machine's own backups, from what it was told and what is mounted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import borgmatic
from sources import excludes, expand, sources
from toolkit import Places, sh, write

MOUNTS = Path("/proc/self/mountinfo")


def stored(said: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """(roots, what is left out), as paths."""
    mountinfo = MOUNTS.read_text(errors="surrogateescape")
    out = expand(excludes(mountinfo, said["excludes"]))
    return sources(mountinfo, out), out


def write_config(places: Places, said: Mapping[str, Any]) -> Path:
    """Written anew before each backup: another disk may be mounted by then."""
    roots, out = stored(said)
    ssh = f"ssh -F {places.ssh}/config"
    options = borgmatic.create(said["repository"], said["name"], roots, out, said["limits"]["upload"], ssh)
    path = places.etc / "borgmatic.yaml"
    write(path, borgmatic.text(options, borgmatic.version(sh("borgmatic", "--version").stdout)), 0o600)
    return path
