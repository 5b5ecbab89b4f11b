"""What is written in a repository since a known state, read without its key: Borg's log of objects.

A file data/<folder>/<number>: the magic, then entries of CRC (4), size (4), tag (1), id (32) and data. What overwrites an object is
preceded by the deletion of the old one, which the server writes itself: who may only append cannot hide that something went.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

MAGIC = b"BORG_SEG"
HEADER = struct.Struct("<IIB")
PUT, DELETE, COMMIT, PUT2 = range(4)
ID = 32
CATALOGUE = bytes(ID)
"""The one object that is legitimately replaced: Borg's list of all archives, which it calls the manifest."""


class Unknown(Exception):
    """A repository of a form that is not known here."""


def files(repository: Path) -> dict[int, Path]:
    """Number -> file."""
    return {int(path.name): path for path in repository.glob("data/*/*") if path.name.isdigit()}


def committed(repository: Path) -> int:
    """The number of the last whole transaction, after a clean end. -1 of an empty repository."""
    numbers = (path.name.partition(".")[2] for path in repository.glob("index.*"))
    return max((int(number) for number in numbers if number.isdigit()), default=-1)


def entries(path: Path) -> Iterator[tuple[int, bytes]]:
    """(tag, id) of everything in a file; what a crash has cut off at its end is passed over."""
    end = path.stat().st_size
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            if end < len(MAGIC):
                return
            raise Unknown(f"{path} does not begin with {MAGIC.decode()}")
        while len(head := file.read(HEADER.size)) == HEADER.size:
            _, size, tag = HEADER.unpack(head)
            if tag > PUT2 or size < HEADER.size:
                raise Unknown(f"{path} has an entry of kind {tag}, {size} bytes long")
            name = file.read(ID) if tag != COMMIT else b""
            rest = size - HEADER.size - len(name)
            if (tag != COMMIT and len(name) < ID) or file.tell() + rest > end:
                return
            file.seek(rest, os.SEEK_CUR)
            yield tag, name


def since(repository: Path, number: int) -> Iterator[tuple[int, bytes]]:
    """Everything written after that transaction, in its order."""
    found = files(repository)
    for later in sorted(one for one in found if one > number):
        yield from entries(found[later])


def gone(written: Iterable[tuple[int, bytes]]) -> set[bytes]:
    """Objects of before that are deleted or overwritten. A backup only adds; what it takes back (a checkpoint), it has added itself."""
    added: set[bytes] = set()
    lost: set[bytes] = set()
    for tag, name in written:
        if tag in (PUT, PUT2):
            added.add(name)
        elif tag == DELETE and name != CATALOGUE and name not in added:
            lost.add(name)
    return lost
