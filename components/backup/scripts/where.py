"""The repository that a script is about: by the mount on a home machine, else this machine's own by SSH."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archives import archives, choose
from epoch import forget_if_rewound
from toolkit import BORG, PATIENCE, Places, Problem, Shared, environment, held, locked, read, sh, tail


@dataclass(frozen=True)
class Repository:
    """`shared` is there on a home machine only."""

    name: str
    location: str
    env: dict[str, str]
    shared: Shared | None

    def archives(self) -> dict[str, tuple[str, float]]:
        """Id -> name and time, the oldest first."""
        return archives(self.location, self.env)

    def archive(self, wanted: str) -> str:
        """The name of the one that is meant: see `choose`."""
        return choose(self.archives(), wanted)

    def extract(self, archive: str, paths: list[str], into: Path, *options: str) -> None:
        """Files and folders of an archive, with owners, modes and times, below a folder."""
        bare = [path.lstrip("/") for path in paths]
        done = sh(*BORG, "extract", *options, f"{self.location}::{archive}", *bare, env=self.env, check=False, cwd=into)
        if done.returncode > 1:
            raise Problem(f"{archive} could not be read: {tail(done)}")
        if "never matched" in done.stderr:
            raise Problem(f"{archive} has not all of it: {tail(done, 600)}")


def readable(keeper: Mapping[str, Any] | None) -> list[str]:
    """Whose archives can be read on this home machine: also of those that are not backed up any more. None on any other machine."""
    return sorted({*keeper["repositories"], *keeper.get("retired", ())}) if keeper else []


@contextlib.contextmanager
def repository(places: Places, name: str | None, patience: float = PATIENCE) -> Iterator[Repository]:
    """For this process alone. `name` None: this machine's own."""
    own, keeper = read(places.own), read(places.keeper)
    wanted = name or (own or {}).get("name")
    if wanted is None:
        raise Problem("whose backups? This machine has none itself: add --of MACHINE")
    if keeper and wanted in readable(keeper):
        shared = Shared(Path(keeper["folder"]))
        if not shared.mounted:
            raise Problem(f"{shared.folder} is not mounted: `storage/status` says more")
        if wanted not in keeper["repositories"] and not (shared.repository(wanted) / "config").exists():
            raise Problem(f"{wanted} is not backed up any more, and its repository {shared.repository(wanted)} was deleted")
        with held(places, shared, wanted, patience):
            forget_if_rewound(places, shared, wanted)
            yield Repository(wanted, str(shared.repository(wanted)), environment(places, wanted), shared)
    elif own and own["name"] == wanted:
        with locked(places.lock(wanted), patience, f"the repository of {wanted} is in use here, and was for {patience:.0f} s"):
            yield Repository(wanted, own["repository"], environment(places, wanted), None)
    else:
        raise Problem(f"this machine has no passphrase of {wanted}: run it on {wanted} itself, or on a home machine")
