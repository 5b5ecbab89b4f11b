"""How long a stage takes inside an `up`: from its first step to the end of its last, by the engine's own event log."""

import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TextIO

from bench.engine import BenchError, Project

UP = ("up", "--yes", "--skip-preview")
DEBUG = {"PULUMI_DEBUG_COMMANDS": "true"}
"""Without it the engine has no --event-log."""

IDLE = ("same", "read", "delete-replaced")
Stamped = tuple[float, dict[str, Any]]


def rerun(project: Project, prefix: str) -> float:
    """Seconds of the stage whose remote scripts' names begin with `prefix`, all of them run anew on their machines."""
    again = [word for urn in scripts(json.loads(project.run("stack", "export")), prefix) for word in ("--replace", urn)]
    with events() as (log, seen):
        project.with_variables(DEBUG).run(*UP, *again, "--event-log", str(log))
    return span(seen, prefix)


def scripts(state: dict[str, Any], prefix: str) -> Sequence[str]:
    """The URNs of what runs on machines for a stage, in an exported state."""
    found = [one["urn"] for one in state["deployment"]["resources"] if one["type"] == "command:remote:Command"]
    return [urn for urn in found if _name(urn).startswith(prefix)]


def span(seen: Sequence[Stamped], prefix: str) -> float:
    """From the first step that begins to the last that ends. BenchError when there is none."""
    begun = [when for when, event in seen if _step(event, "resourcePreEvent", prefix)]
    ended = [when for when, event in seen if _step(event, "resOutputsEvent", prefix)]
    if not begun or not ended:
        raise BenchError(f"the engine's event log has no step whose name begins with {prefix}")
    return max(ended) - min(begun)


@contextmanager
def events() -> Iterator[tuple[Path, list[Stamped]]]:
    """A place for the log, and the events with the moment of their coming: their own time stamps are whole seconds. Complete afterwards."""
    with TemporaryDirectory(prefix="homelab-bench-") as name:
        log, seen = Path(name) / "events", list[Stamped]()
        os.mkfifo(log)
        # Open for writing here as well: so nobody waits for the other at the beginning, and the end is when both are gone.
        held = os.open(log, os.O_RDWR)
        reader = threading.Thread(target=_read, args=(log.open(), seen))
        reader.start()
        try:
            yield log, seen
        finally:
            os.close(held)
            reader.join()


def _read(lines: TextIO, seen: list[Stamped]) -> None:
    with lines:
        for line in lines:
            seen.append((time.monotonic(), json.loads(line)))


def _step(event: dict[str, Any], kind: str, prefix: str) -> bool:
    said = event.get(kind, {}).get("metadata", {})
    return bool(said) and said["op"] not in IDLE and said["type"] == "command:remote:Command" and _name(said["urn"]).startswith(prefix)


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]
