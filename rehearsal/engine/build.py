"""What is costly to make, made once for all checkouts of this user."""

import fcntl
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def once(folder: Path, what: str, complete: Callable[[], bool], make: Callable[[Path], None]) -> None:
    """Makes the folder unless it is `complete`. `make` fills an empty one beside it, which then takes its place: the folder is whole
    or not there, and what a killed build has left goes with the next. Of two who ask at once one makes it and one waits.

    `what`: its name in the line that says so.
    """
    if complete():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _alone(folder.with_name(f"{folder.name}.lock"), what):
        if not complete():
            _replace(folder, make)


@contextmanager
def _alone(lock: Path, what: str) -> Iterator[None]:
    """Holds the lock file; says so when it has to wait. A killed holder's lock ends with it."""
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{what}: another build of it is under way, waiting for that one…", file=sys.stderr, flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _replace(folder: Path, make: Callable[[Path], None]) -> None:
    for left in folder.parent.glob(f".{folder.name}.*"):  # the lock is held, so it is nobody's
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as scratch:
        made = Path(scratch, "made")
        made.mkdir()
        make(made)
        if folder.exists():
            folder.rename(Path(scratch, "old"))
        made.rename(folder)
