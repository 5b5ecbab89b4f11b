"""What the backup scripts share: where things are, one way to run Borg, and locks that tell whether anybody else does."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "remote"))
from converge import active, remove, say, write

__all__ = ["active", "remove", "say", "write"]

ME = os.uname().nodename
TOOLS = Path(__file__).resolve().parent
UNITS = Path("/etc/systemd/system")
USER = "homelab-backup"
"""Whom machines without the mount come to by SSH; also the Host of their ssh configuration."""

HEAD = "# Written by homelab; edits are overwritten.\n"
PATIENCE = 900
"""Seconds for a lock. Whoever loses power keeps one on the file system until that gives the machine up, after five minutes."""

UMASK = 0o007
BORG = ("borg", f"--umask={UMASK:04o}")
"""What root makes in the repository of one that comes by SSH must be open to the group that the folder hands down: also an index that a
mere look has computed. Repositories of nobody else's are in folders that only root can enter."""

ASIDE = "stale-lock."
"""Beginning of the names of locks in a repository that were moved out of the way."""

REFUSED = 78
"""Exit status of what would be refused again, so that nobody tries it every few minutes."""


@dataclass(frozen=True)
class Places:
    """Everything on this machine, below one root, which is / but in tests."""

    root: Path = Path("/")

    @property
    def etc(self) -> Path:
        """Root's alone: what this machine was told, passphrases, the key pair."""
        return self.root / "etc/homelab/backup"

    @property
    def own(self) -> Path:
        """What this machine was told about its own backups."""
        return self.etc / "backup.json"

    @property
    def keeper(self) -> Path:
        """What a home machine was told about everybody's."""
        return self.etc / "keeper.json"

    @property
    def ssh(self) -> Path:
        return self.etc / "ssh"

    @property
    def var(self) -> Path:
        return self.root / "var/lib/homelab/backup"

    @property
    def borg(self) -> Path:
        """Borg's and Borgmatic's own: caches, what they remember of repositories and checks."""
        return self.var / "borg"

    @property
    def manifest(self) -> Path:
        return self.var / "manifest.jsonl"

    @property
    def last(self) -> Path:
        """How the last backup went."""
        return self.var / "last.json"

    def passphrase(self, name: str) -> Path:
        return self.etc / "passphrases" / name

    def lock(self, name: str) -> Path:
        return self.root / f"run/lock/homelab-backup.{name}"


@dataclass(frozen=True)
class Shared:
    """The folder of all backups on the shared file system. Root's, but for what the users of SSH need."""

    folder: Path

    def repository(self, name: str) -> Path:
        return self.folder / name

    @property
    def ours(self) -> Path:
        return self.folder / ".homelab"

    def lock(self, name: str) -> Path:
        return self.ours / "locks" / name

    def manifests(self, name: str) -> Path:
        return self.ours / "manifests" / name

    def record(self, name: str) -> Path:
        """What the keeper knows of a repository: nobody who comes by SSH can touch it."""
        return self.ours / "records" / f"{name}.json"

    def key(self, name: str) -> Path:
        """The repository's key, encrypted by its passphrase: the one inside may be damaged."""
        return self.ours / "keys" / f"{name}.key"

    @property
    def mounted(self) -> bool:
        return any(os.path.ismount(path) for path in (self.folder, *self.folder.parents) if path != Path("/"))


class Problem(Exception):
    """One sentence for a person."""


class Busy(Problem):
    """Somebody else has the lock."""


def stop(why: str, status: int | None = None) -> NoReturn:
    """End with a message for people."""
    print(f"{ME}: {why}", file=sys.stderr, flush=True)
    sys.exit(status or 1)


def sh(
    *argv: str | Path, check: bool = True, stdin: str | None = None, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command. A failure is a Problem with the end of its words."""
    done = subprocess.run(
        [*map(str, argv)], input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL, capture_output=True, text=True,
        errors="surrogateescape", env=None if env is None else {**env}, cwd=cwd,
    )  # fmt: skip
    if check and done.returncode:
        raise Problem(f"{Path(argv[0]).name} {' '.join(map(str, argv[1:4]))} failed with status {done.returncode}:\n{tail(done)}")
    return done


def tail(done: subprocess.CompletedProcess[str], length: int = 2000) -> str:
    """The end of what a command complained of, each line once, without what Borg and Borgmatic add that helps nobody."""
    said = done.stderr.strip() or done.stdout.strip()
    return ("\n".join(dict.fromkeys(line for line in said.splitlines() if not NOISE.match(line))) or said)[-length:]


NOISE = re.compile(
    r"(Borg server: |Remote: )*("
    r"(Platform|Linux|Borg|PID|CWD|sys\.argv|SSH_ORIGINAL_COMMAND|Python): "  # about the computer
    r"|\s|$|Traceback |(Local|Remote) Exception$"  # where in Borg's code
    r"|Command '|summary:|Need some help\?)"  # Borgmatic's last words
)


def document() -> dict[str, Any]:
    """The JSON object on standard input."""
    return dict(json.load(sys.stdin))


def read(path: Path) -> dict[str, Any] | None:
    """A JSON object from a file; None when there is none, or when a crash left half of one."""
    try:
        return dict(json.loads(path.read_text()))
    except (FileNotFoundError, ValueError):
        return None


def put(path: Path, value: Any, mode: int = 0o600) -> None:
    """A JSON object into a file, as a whole, on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o600)
    with beside.open("w") as file:
        json.dump(value, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    beside.chmod(mode)
    beside.replace(path)


def environment(places: Places, name: str, **more: str) -> dict[str, str]:
    """In which Borg and Borgmatic run for the repository of `name`. No passphrase in it, and nothing that waits for an answer."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("BORG_", "XDG_"))}
    said = {
        "HOME": str(places.borg),
        "BORG_BASE_DIR": str(places.borg),
        "BORG_PASSCOMMAND": f"cat {places.passphrase(name)}",
        "BORG_RSH": f"ssh -F {places.ssh}/config",
        "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes",  # the same one by its path and by SSH
        "BORG_CHECK_I_KNOW_WHAT_I_AM_DOING": "NO",
    }
    return {**kept, **said, **more}


@contextlib.contextmanager
def locked(path: Path, patience: float, why: str, make: bool = True) -> Iterator[int]:
    """Only one at a time between here and the end of the block; gives the file's number. A Problem after `patience` seconds."""
    if make:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if make else 0), 0o600)
    except FileNotFoundError:
        raise Problem(
            f"{path} is not there: the folder of backups is another than the one that was set up; `make up` makes it anew"
        ) from None
    try:
        told, until = time.monotonic() + 5, time.monotonic() + patience
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise Busy(why) from None
                if time.monotonic() >= told:
                    say(f"waits for others to be done with {path.name}")
                    told = until
                time.sleep(min(1, patience))
        yield handle
    finally:
        os.close(handle)


def stale(repository: Path) -> str:
    """Which locks Borg's users have left in a repository; empty when none. For somebody who knows that nobody uses it."""
    holders = sorted(path.name for path in (repository / "lock.exclusive").glob("*")) if (repository / "lock.exclusive").is_dir() else []
    roster = repository / "lock.roster"
    if (repository / "lock.exclusive").exists() and not holders:
        holders = ["somebody"]
    return ", ".join(holders) or ("somebody" if roster.exists() else "")


def unlock(repository: Path) -> None:
    """Take away what a power cut or a kill left, while our own lock says that nobody else is at this repository.

    Borg closes its lock to everybody but its owner. One of root's cannot be emptied by the user whom machines come to by SSH, who may move
    it within the repository though; it goes with the next one who may.
    """
    if holders := stale(repository):
        with contextlib.suppress(FileNotFoundError):
            (repository / "lock.exclusive").rename(repository / f"{ASIDE}{time.time_ns()}")
        (repository / "lock.roster").unlink(missing_ok=True)
        say(f"{repository.name}: took away the lock of {holders}, who does not use it any more")
    for left in repository.glob(f"{ASIDE}*"):
        shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def held(places: Places, shared: Shared, name: str, patience: float = PATIENCE) -> Iterator[None]:
    """The repository of `name` on the mount for this process alone, on whichever machine others run: every one of ours takes this lock
    first, and whoever dies loses it. So a lock of Borg's that is found afterwards belongs to nobody."""
    busy = f"the repository of {name} is in use, and was for {patience:.0f} s: `backup/status` shows by whom"
    with locked(places.lock(name), patience, busy), locked(shared.lock(name), patience, busy, make=False):
        unlock(shared.repository(name))
        yield


def attempts(acts: Mapping[str, Callable[[], None]]) -> list[str]:
    """Do all of them, each to its end; gives the problems."""
    problems = []
    for name, act in acts.items():
        try:
            act()
        except Problem as problem:
            problems.append(f"{name}: {problem}")
            say(problems[-1])
    return problems


def guarded(main: Callable[[], int | None]) -> NoReturn:
    """Run a script's main function; a Problem is what it ends with."""
    try:
        sys.exit(main())
    except Problem as problem:
        stop(str(problem))
