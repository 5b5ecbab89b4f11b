"""The manifest: path, size, mtime and SHA-256 of every file that is stored, made before Borg reads them.

A line a file, a JSON array [path, size, mtime, ctime, inode, sha256], times in nanoseconds. Files that have not changed since the manifest
before are not read again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from sources import below

Line = tuple[str, int, int, int, int, str]
TAG, MARK = "CACHEDIR.TAG", ".nobackup"
SIGNATURE = b"Signature: 8a477f597d28d172789f06886806bc55"
BLOCK = 1 << 20


def order(path: str) -> list[str]:
    """By folders, so that a walk comes along in this order."""
    return path.split("/")


def walk(roots: Sequence[str], excludes: Collection[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Regular files of the file systems whose roots these are, in order: one that is mounted in another comes when its folder does."""
    tops = [root for root in roots if not any(root != other and below(root, other) for other in roots)]
    for top in sorted(tops, key=order):
        with contextlib.suppress(OSError):
            yield from _walk(top, Path(top).stat().st_dev, {*roots}, excludes)


def _walk(folder: str, device: int, roots: Collection[str], excludes: Collection[str]) -> Iterator[tuple[str, os.stat_result]]:
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    names = {entry.name for entry in entries}
    if MARK in names or (TAG in names and _tagged(Path(folder) / TAG)):
        return
    for entry in entries:
        if entry.path in excludes:
            continue
        try:
            facts = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        if stat.S_ISDIR(facts.st_mode) and (facts.st_dev == device or entry.path in roots):
            yield from _walk(entry.path, facts.st_dev, roots, excludes)
        elif stat.S_ISREG(facts.st_mode) and facts.st_dev == device:
            yield entry.path, facts


def _tagged(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(SIGNATURE)) == SIGNATURE
    except OSError:
        return False


def digest(path: str | Path) -> str | None:
    """None when it cannot be read any more."""
    try:
        with Path(path).open("rb") as file:
            made = hashlib.sha256()
            while block := file.read(BLOCK):
                made.update(block)
            return made.hexdigest()
    except OSError:
        return None


def lines(roots: Sequence[str], excludes: Collection[str], before: Iterable[Line]) -> Iterator[Line]:
    """The manifest of the files below the roots. `before`: the last one, in the same order."""
    old = iter(before)
    last = next(old, None)
    for path, facts in walk(roots, excludes):
        while last is not None and order(last[0]) < order(path):
            last = next(old, None)
        known = (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)
        same = last is not None and last[0] == path and tuple(last[1:5]) == known
        made = last[5] if same and last is not None else digest(path)
        if made is not None:
            yield (path, *known, made)


def parse(text: Iterable[str]) -> Iterator[Line]:
    """Lines of a manifest; a damaged one is passed over, its file is then read again."""
    for line in text:
        try:
            path, size, mtime, ctime, inode, made = json.loads(line)
        except ValueError:
            continue
        yield path, size, mtime, ctime, inode, made


def write(path: Path, roots: Sequence[str], excludes: Collection[str]) -> int:
    """The new manifest in the place of the old one; gives how many files it has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside, number = path.with_suffix(".new"), 0
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o600)
    with old_lines(path) as old, beside.open("w") as file:
        for line in lines(roots, {*excludes, str(path), str(beside)}, parse(old)):
            file.write(json.dumps(line, separators=(",", ":")) + "\n")
            number += 1
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    return number


def old_lines(path: Path) -> IO[str]:
    """The manifest before, or nothing."""
    return path.open() if path.exists() else Path(os.devnull).open()


def sample(found: Iterable[Line], number: int, largest: int, choose: random.Random) -> list[Line]:
    """So many files at random, all with the same chance, none larger than that."""
    chosen: list[Line] = []
    for count, line in enumerate(line for line in found if line[1] <= largest):
        if len(chosen) < number:
            chosen.append(line)
        elif (place := choose.randint(0, count)) < number:
            chosen[place] = line
    return chosen


def compare(folder: Path, chosen: Iterable[Line]) -> tuple[list[str], list[str], int]:
    """(files with another content than they had, files that changed while the backup ran, how many are as they were)."""
    bad, moved, good = [], [], 0
    for path, size, mtime, _, _, made in chosen:
        here = folder / path.lstrip("/")
        try:
            facts = os.lstat(here)
        except OSError:
            moved.append(path)
            continue
        if (facts.st_size, facts.st_mtime_ns) != (size, mtime):
            moved.append(path)
        elif digest(here) != made:
            bad.append(path)
        else:
            good += 1
    return bad, moved, good
