"""One small Pulumi program and its stack, run by the real engine with the rehearsal's plug-ins."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.engine.home import home

ROOT = Path(__file__).resolve().parents[3]
LIMIT = 120.0  # seconds for one command of the engine


def engine_environment(blank: Path) -> dict[str, str]:
    """The rehearsal's environment. `blank` becomes the folder of an empty stack, which every test's stack is a copy of."""
    environment = {**os.environ, **home(ROOT), "PULUMI_DEBUG_COMMANDS": "true", "BLANK": str(blank)}
    environment["PULUMI_BACKEND_URL"] = f"file://{blank / 'state'}"
    blank.joinpath("state").mkdir()
    _write_project(blank)
    line = ["pulumi", "stack", "init", "dev", "--non-interactive"]
    subprocess.run(line, cwd=blank, env=environment, check=True, capture_output=True, timeout=LIMIT)
    return environment


def _write_project(folder: Path) -> None:
    virtualenv = os.path.relpath(ROOT / ".venv", folder)
    folder.joinpath("Pulumi.yaml").write_text(f"name: contract\nruntime:\n  name: python\n  options:\n    virtualenv: {virtualenv}\n")


def until(condition: Callable[[], bool], reason: str, limit: float = 30.0) -> None:
    """Waits until the condition holds; fails with the reason when it does not within `limit` seconds."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {limit:.0f} s still not so: {reason}")
        time.sleep(0.02)


@dataclass(frozen=True)
class Run:
    """One ended command: its exit status, all it printed, and the engine's events."""

    status: int
    text: str
    events: tuple[Mapping[str, Any], ...]

    @property
    def steps(self) -> list[tuple[str, str]]:
        """(operation, resource name) in the order they began; providers and the stack itself left out."""
        metadata = [event["resourcePreEvent"]["metadata"] for event in self.events if "resourcePreEvent" in event]
        own = [step for step in metadata if not step["type"].startswith("pulumi:")]
        return [(step["op"], step["urn"].rpartition("::")[2]) for step in own]

    @property
    def operations(self) -> dict[str, str]:
        """The last operation of each resource."""
        return {name: operation for operation, name in self.steps}

    def lines(self, severity: str = "info") -> list[str]:
        """What was logged under resources."""
        found = [event["diagnosticEvent"] for event in self.events if "diagnosticEvent" in event]
        return [entry["message"].rstrip("\n") for entry in found if entry["severity"] == severity and entry.get("urn")]


class Stack:
    """`program()` writes the program; the rest are the engine's commands on it."""

    def __init__(self, folder: Path, environment: Mapping[str, str], prelude: str = "") -> None:
        self.folder, self._prelude = folder, prelude
        shutil.copytree(environment["BLANK"], folder, dirs_exist_ok=True)
        _write_project(folder)
        self.environment = {**environment, "PULUMI_BACKEND_URL": f"file://{folder / 'state'}"}

    def program(self, text: str) -> None:
        self.folder.joinpath("__main__.py").write_text(f"{self._prelude}\n{text}\n")

    def up(self, text: str | None = None, *flags: str, fails: bool = False) -> Run:
        """Runs `up`, with a new program if one is given; it must succeed, or fail when `fails`."""
        if text is not None:
            self.program(text)
        return self._change("up", "--skip-preview", *flags, fails=fails)

    def preview(self, text: str | None = None) -> Run:
        if text is not None:
            self.program(text)
        return self._change("preview")

    def refresh(self) -> Run:
        return self._change("refresh", "--yes", "--skip-preview")

    def destroy(self, fails: bool = False) -> Run:
        return self._change("destroy", "--skip-preview", fails=fails)

    def state(self) -> dict[str, Any]:
        """Resources by name, as they are recorded: a secret is a mapping with `ciphertext`."""
        resources = json.loads(self.recorded())["checkpoint"]["latest"].get("resources", [])
        return {resource["urn"].rpartition("::")[2]: resource for resource in resources if not resource["type"].startswith("pulumi:")}

    def recorded(self) -> str:
        """The whole state as text."""
        return self.folder.joinpath("state/.pulumi/stacks/contract/dev.json").read_text()

    def start(self, *words: str) -> "subprocess.Popen[str]":
        """Starts an engine command in the background."""
        line = ["pulumi", *words, "--stack", "dev", "--non-interactive", "--color", "never"]
        out, err = subprocess.PIPE, subprocess.STDOUT
        return subprocess.Popen(line, cwd=self.folder, env=self.environment, stdout=out, stderr=err, text=True)

    def pulumi(self, *words: str) -> Run:
        events = self.folder / "events.jsonl"
        events.unlink(missing_ok=True)
        logged = ["--event-log", str(events)] if words[0] in ("up", "preview", "refresh", "destroy") else []
        line = ["pulumi", *words, *logged, "--stack", "dev", "--non-interactive", "--color", "never"]
        run = subprocess.run(line, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=LIMIT)
        found = events.read_text().splitlines() if events.exists() else []
        return Run(run.returncode, run.stdout + run.stderr, tuple(json.loads(line) for line in found))

    def _change(self, *words: str, fails: bool = False) -> Run:
        run = self.pulumi(*words, *([] if words[0] == "preview" or "--yes" in words else ["--yes"]))
        assert (run.status != 0) == fails, run.text
        return run
