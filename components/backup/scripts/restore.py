"""One file or one folder out of an archive, to a place that is free."""

from __future__ import annotations

import argparse
import os
import stat
import tempfile
from pathlib import Path

from toolkit import Places, Problem, say
from where import repository


def arguments(words: list[str], what: str, when: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"backup/restore-{what}")
    parser.add_argument("archive", metavar=when, help="an archive, `latest`, or a date: the last archive that was made before its end")
    parser.add_argument("path", help="as it was on the machine, from / on")
    parser.add_argument("target", help="a folder to put it in, or a new name for it; what is there is never overwritten")
    parser.add_argument("--of", metavar="MACHINE", help="whose backup, on a home machine")
    return parser.parse_args(words)


def place(path: str, target: Path) -> Path:
    """Where it will be. A Problem when something is there already."""
    name = target / Path(path).name if target.is_dir() else target
    if os.path.lexists(name):
        raise Problem(f"{name} is there already, and nothing is overwritten: give another target")
    if not name.parent.is_dir():
        raise Problem(f"there is no folder {name.parent} to restore into")
    return name


def restore(words: list[str], what: str, when: str, folder: bool) -> None:
    """Extracted beside the target, then renamed: it is there as a whole or not at all."""
    said = arguments(words, what, when)
    path = "/" + said.path.strip("/")
    target = place(path, Path(said.target).absolute())
    with repository(Places(), said.of) as repo, tempfile.TemporaryDirectory(prefix=".homelab-restore-", dir=target.parent) as scratch:
        archive = repo.archive(said.archive)
        repo.extract(archive, [path], Path(scratch))
        found = Path(scratch) / path.lstrip("/")
        if folder != stat.S_ISDIR(found.lstat().st_mode):
            raise Problem(
                f"{path} is {'no folder' if folder else 'a folder'} in {archive}: use backup/restore-{'file' if folder else 'folder'}"
            )
        found.rename(target)
    say(f"{path} of {archive} is {target}")
