"""Objects of the account as JSON files, written so that a kill at any moment leaves whole ones."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

Kind = TypeVar("Kind")


class Store:
    """One folder a kind of object, one file an object; `locked` serialises whole transactions between processes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        with lock(self.root / "account.lock"):
            yield

    def put(self, kind: str, key: str, item: Any) -> None:
        path = self._path(kind, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(dataclasses.asdict(item), file, indent=1)
        draft.replace(path)

    def get(self, kind: str, key: str, cls: type[Kind]) -> Kind | None:
        try:
            return _load(cls, self._path(kind, key).read_text())
        except FileNotFoundError:
            return None

    def all(self, kind: str, cls: type[Kind]) -> list[Kind]:
        return [_load(cls, path.read_text()) for path in sorted((self.root / kind).glob("*.json"))]

    def drop(self, kind: str, key: str) -> None:
        self._path(kind, key).unlink(missing_ok=True)

    def _path(self, kind: str, key: str) -> Path:
        if not re.fullmatch(r"[\w-]+(\.[\w-]+)*", key, re.ASCII):
            return self.root / kind / "no-such-object.json"
        return self.root / kind / f"{key}.json"


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """An exclusive lock that ends with its process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _load(cls: type[Kind], text: str) -> Kind:
    values = json.loads(text)
    return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})
