"""Lines that tell a person what goes on and how long it has taken."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

EVERY = 15.0  # seconds between lines while one thing takes its time


def say(line: str) -> None:
    """One line on standard error, whole also when several threads speak."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


@contextmanager
def step(what: str) -> Iterator[None]:
    """Says when something begins, that it goes on, and when it is done. Of a failure it says nothing: the error does."""
    begun, over = time.monotonic(), threading.Event()

    def remind() -> None:
        while not over.wait(EVERY):
            say(f"  {what}: still at it after {time.monotonic() - begun:.0f} s")

    say(f"  {what} …")
    threading.Thread(target=remind, daemon=True).start()
    try:
        yield
        say(f"  {what}: done in {time.monotonic() - begun:.1f} s")
    finally:
        over.set()
