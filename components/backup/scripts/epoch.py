"""Repositories that were set back to an earlier state, and what Borg remembers of them on each machine."""

from __future__ import annotations

import configparser
import shutil
from pathlib import Path

from toolkit import Places, Shared, read, say


def identity(repository: Path) -> str:
    """The id that a repository has for Borg."""
    said = configparser.ConfigParser(interpolation=None)
    said.read(repository / "config")
    return said.get("repository", "id", fallback="")


def forget(places: Places, which: str) -> None:
    """Borg's cache and memory of a repository: it takes one that went back in time for an attack, and is right."""
    for path in (places.borg / ".cache/borg" / which, places.borg / ".config/borg/security" / which):
        if which and path.is_dir():
            shutil.rmtree(path)


def forget_if_rewound(places: Places, shared: Shared, name: str) -> None:
    """`backup/rewind` counts how often it was used; a machine that has not heard of the last time forgets first."""
    count, seen = (read(shared.record(name)) or {}).get("epoch", 0), places.var / "epochs" / name
    known = int(seen.read_text()) if seen.exists() else 0
    if count != known:
        forget(places, identity(shared.repository(name)))
        seen.parent.mkdir(parents=True, exist_ok=True)
        seen.write_text(f"{count}\n")
        say(f"the repository of {name} was set back on purpose: forgot what Borg remembered of it here")
