"""Borgmatic's configuration files, in the form that the installed version takes. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

FLAT = (1, 8)
"""Since this version options stand side by side; before, in sections."""

OLDEST = (1, 7)
HEAD = "# Written by homelab; edits are overwritten. JSON is YAML.\n"
DAY = 86400

Options = dict[str, dict[str, Any]]


def version(text: str) -> tuple[int, ...]:
    """(1, 7, 7) of what `borgmatic --version` prints."""
    return tuple(int(part) for part in text.strip().split(".")[:3] if part.isdigit())


def create(repository: str, name: str, sources: Sequence[str], excludes: Sequence[str], rate: int, ssh: str) -> Options:
    """What a machine says of its own backups. `rate`: bytes a second, over SSH only."""
    return {
        "location": {
            "source_directories": [*sources],
            "repositories": [repository],
            "one_file_system": True,
            "exclude_patterns": [f"pp:{path}" for path in excludes],
            "exclude_caches": True,
            "exclude_if_present": [".nobackup"],
        },
        "storage": {
            "compression": "lz4",
            "archive_name_format": f"{name}-{{utcnow:%Y-%m-%dT%H:%M:%S}}",
            "upload_rate_limit": max(1, rate // 1024),
            "ssh_command": ssh,
            "lock_wait": 30,
            "checkpoint_interval": 600,
            "relocated_repo_access_is_ok": True,
        },
    }


def keep(repository: str, name: str, keep: Mapping[str, int], checks: Mapping[str, int], umask: int) -> Options:
    """What the keeper says of somebody's repository. `checks`: kind -> seconds."""
    return {
        "location": {"repositories": [repository]},
        "storage": {
            "archive_name_format": f"{name}-{{utcnow:%Y-%m-%dT%H:%M:%S}}",
            "lock_wait": 30,
            "umask": int(f"{umask:o}"),  # Borgmatic hands its digits on, and Borg reads them as octal
            "extra_borg_options": {"check": f"--umask={umask:04o}"},  # which Borgmatic 1.7 forgets there
            "relocated_repo_access_is_ok": True,
        },
        # All archives, whatever they are called; else Borgmatic takes those of the host that it runs on.
        "retention": {"prefix": "", **{f"keep_{unit}": number for unit, number in keep.items() if number}},
        "consistency": {
            "prefix": "",
            "checks": [{"name": kind, "frequency": f"{max(1, seconds // DAY)} days"} for kind, seconds in sorted(checks.items())],
        },
    }


def text(options: Options, installed: tuple[int, ...]) -> str:
    """The file's text."""
    if installed < FLAT:
        location = {"source_directories": [], **options["location"]}
        return HEAD + json.dumps({**options, "location": location}, indent=1) + "\n"
    flat = {key: value for section in options.values() for key, value in section.items()}
    flat["repositories"] = [{"path": path} for path in flat["repositories"]]
    if flat.pop("prefix", None) is not None:
        flat["match_archives"] = "sh:*"
    return HEAD + json.dumps(flat, indent=1) + "\n"
