"""A script that must not end half way, in a unit of its own. Who asked only follows it, and may come back after a lost connection.

Both share files below /run and a lock: the follower needs no command of a system that is being replaced.
"""

from __future__ import annotations

import fcntl
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit import ME, Problem, locked, put, read, say, sh

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PAUSE = 0.3
BEGINS = 30
"""Seconds until a unit that was started is at work."""


@dataclass(frozen=True)
class Apart:
    """`name`: of the unit, behind homelab-."""

    name: str
    run: Path = Path("/run")

    @property
    def folder(self) -> Path:
        return self.run / f"homelab-{self.name}"

    @property
    def log(self) -> Path:
        """All that it says."""
        return self.folder / "log"

    @property
    def ended(self) -> Path:
        """Its exit status, once it has one."""
        return self.folder / "ended.json"

    @property
    def lock(self) -> Path:
        """Held as long as it is at work."""
        return self.folder / "lock"

    def here(self, act: Callable[[], int | None]) -> int:
        """What the unit runs: the act, to its end; gives the exit status, which the follower finds as well."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self.lock, 10, f"{self.name} goes on already"):
            status = 1
            try:
                status = act() or 0
            except Problem as problem:
                print(f"{ME}: {problem}", file=sys.stderr, flush=True)
            except Exception:
                traceback.print_exc()
            put(self.ended, {"status": status})
        return status

    @property
    def asked(self) -> Path:
        """What was asked for, until somebody has heard how it ended."""
        return self.folder / "asked.json"

    def begin(self, argv: Sequence[str]) -> None:
        """Start the unit; nothing where it does the very same already, or has done it and nobody has heard of it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self.folder / "begin", 2 * BEGINS, f"somebody else begins {self.name}"):
            same = (read(self.asked) or {}).get("argv") == [*argv]
            if self.at_work():
                if not same:
                    raise Problem(f"another {self.name} goes on: wait for its end, {self.log} says how far it is")
                say(f"{self.name} goes on since it was asked for the first time")
                return
            if same and self.ended.exists():
                say(f"{self.name} has ended meanwhile")
                return
            self.ended.unlink(missing_ok=True)
            self.log.write_text("")
            put(self.asked, {"argv": [*argv]})
            self._start(argv)

    def _start(self, argv: Sequence[str]) -> None:
        words = [f"--property=Standard{stream}=append:{self.log}" for stream in ("Output", "Error")]
        words += ["--setenv=LC_ALL=C.UTF-8", f"--setenv=PATH={PATH}", "--collect", "--quiet"]
        sh("systemd-run", f"--unit=homelab-{self.name}", *words, *argv)
        until = time.monotonic() + BEGINS
        while not self.at_work() and not self.ended.exists():
            if time.monotonic() > until:
                raise Problem(f"homelab-{self.name}.service does not begin: `journalctl --unit homelab-{self.name}` says why")
            time.sleep(PAUSE)

    def follow(self) -> int:
        """Say what it says until it ends; gives its exit status."""
        try:
            with self.log.open(errors="replace") as said:
                over = False
                while not over:
                    over = self.ended.exists() or not self.at_work()
                    sys.stderr.write(said.read())
                    sys.stderr.flush()
                    time.sleep(0 if over else PAUSE)
        except KeyboardInterrupt:
            say(f"{self.name} goes on; the same command follows it again")
            return 130
        self.asked.unlink(missing_ok=True)
        how = read(self.ended)
        if how is None:
            raise Problem(f"{self.name} was ended from outside: `journalctl --unit homelab-{self.name}` says more")
        return int(how["status"])

    def at_work(self) -> bool:
        try:
            with self.lock.open() as held:
                fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False
