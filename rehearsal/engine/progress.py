"""Runs a long command with a line of progress every few seconds."""

import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from rehearsal.engine.problem import EngineProblem

EVERY = 10.0  # seconds between lines
KEPT = 30  # lines of output that a failure shows


class Progress:
    """Lines `WHAT: 45 s, 312 packages` on stderr; `unit` names what a line of the command's output stands for."""

    def __init__(self, what: str, unit: str = "") -> None:
        self._what, self._unit = what, unit
        self._start = self._last = time.monotonic()

    @property
    def seconds(self) -> int:
        return round(time.monotonic() - self._start)

    def begin(self) -> None:
        self._say("…")

    def tick(self, lines: int) -> None:
        if time.monotonic() - self._last >= EVERY:
            self._last = time.monotonic()
            self._say(f": {self.seconds} s" + (f", {lines} {self._unit}" if self._unit else ""))

    def end(self) -> None:
        self._say(f": done in {self.seconds} s")

    def _say(self, rest: str) -> None:
        print(self._what + rest, file=sys.stderr, flush=True)


def run(command: Sequence[str | Path], progress: Progress, *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
    """Runs the command to its end; raises EngineProblem with its last lines when it fails. Interrupted, it ends the command too."""
    progress.begin()
    words = [str(word) for word in command]
    out, err = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(words, cwd=cwd, env=env, stdout=out, stderr=err, text=True, errors="replace") as process:
        assert process.stdout is not None
        try:
            tail = _follow(process.stdout, progress)
        except BaseException:
            process.terminate()
            raise
    if process.returncode != 0:
        raise EngineProblem(f"`{' '.join(words[:3])} …` failed with status {process.returncode}:\n" + "\n".join(tail))
    progress.end()


def _follow(output: IO[str], progress: Progress) -> Sequence[str]:
    """Counts lines until the output ends; gives the last of them."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        for line in output:
            lines.put(line.rstrip("\n"))
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    tail, count = deque[str](maxlen=KEPT), 0
    while True:
        try:
            line = lines.get(timeout=EVERY)
        except queue.Empty:
            progress.tick(count)
            continue
        if line is None:
            return tuple(tail)
        tail.append(line)
        count += 1
        progress.tick(count)
