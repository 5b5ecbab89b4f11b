"""`lab`: the real engine on a stack of its own, whose cloud has machines of paper only."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rehearsal.engine.home import home
from rehearsal.engine.install import ensure
from rehearsal.plugins.vultr.cloud import Cloud
from rehearsal.plugins.vultr.hypervisor import REPLACEMENT
from rehearsal.plugins.vultr.store import Store
from tests.rehearsal.plugins.vultr.paper import Paper

ROOT = Path(__file__).parents[4]
PROJECT = f"name: contract\nruntime: {{name: python, options: {{virtualenv: {ROOT / '.venv'}}}}}\n"
PATIENCE = 120.0  # seconds for one run of the engine


@dataclass(frozen=True)
class Result:
    code: int
    text: str
    steps: dict[str, str]  # resource name -> what the engine did to it; "same" left out


class Lab:
    def __init__(self, folder: Path) -> None:
        self.folder, self.account = folder, folder / "rehearsal" / "vultr"
        engine = ensure()
        self._pulumi = engine.path
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("VULTR")},
            **home(ROOT, engine),
            "PULUMI_BACKEND_URL": f"file://{folder / 'backend'}",
            "HOMELAB_REHEARSAL": str(folder / "rehearsal"),
            REPLACEMENT: str(Path(__file__).with_name("paper.py")),
            "VULTR_API_KEY": "key-of-the-tests",
            "PULUMI_DEBUG_COMMANDS": "true",  # brings --event-log
        }
        (folder / "backend").mkdir(parents=True)
        self.account.mkdir(parents=True)
        (folder / "Pulumi.yaml").write_text(PROJECT)
        self.run("stack", "init", "test")

    def cloud(self) -> Cloud:
        """The account behind Pulumi's back; it boots nothing by itself."""
        return Cloud(Store(self.account), Paper(self.account), lambda instance_id: None)

    def program(self, text: str) -> None:
        (self.folder / "__main__.py").write_text("import pulumi\nimport ediri_vultr as vultr\n" + textwrap.dedent(text))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments) as process:
            text, _ = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(arguments, process.returncode, text, "")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self._pulumi, *arguments],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def up(self, text: str | None = None, *options: str) -> Result:
        return self._step("up", text, "--yes", "--skip-preview", *options)

    def preview(self, text: str | None = None, *options: str) -> Result:
        return self._step("preview", text, *options)

    def refresh(self) -> Result:
        return self._step("refresh", None, "--yes", "--skip-preview")

    def destroy(self) -> Result:
        return self._step("destroy", None, "--yes", "--skip-preview")

    def _step(self, verb: str, text: str | None, *options: str) -> Result:
        if text is not None:
            self.program(text)
        log = self.folder / "events.json"
        log.unlink(missing_ok=True)
        done = self.run(verb, "--non-interactive", "--event-log", str(log), *options)
        return Result(done.returncode, done.stdout, _steps(log))

    def state(self) -> dict[str, dict[str, Any]]:
        """Resource name -> its entry in the state, secrets encrypted."""
        exported = json.loads(self.run("stack", "export").stdout)
        return {entry["urn"].rpartition("::")[2]: entry for entry in exported["deployment"].get("resources", [])}

    def until(self, condition: Callable[[], bool], reason: str, patience: float = 30) -> None:
        deadline = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < deadline, f"not within {patience} s: {reason}"
            time.sleep(0.05)


def _steps(log: Path) -> dict[str, str]:
    """From the engine's events: the last step of each resource that is no bookkeeping."""
    found: dict[str, str] = {}
    for line in log.read_text().splitlines() if log.exists() else ():
        metadata = json.loads(line).get("resourcePreEvent", {}).get("metadata")
        if metadata and metadata["op"] not in ("same", "read", "discard-replaced") and metadata["type"] != "pulumi:pulumi:Stack":
            found[metadata["urn"].rpartition("::")[2]] = "replace" if "replace" in metadata["op"] else metadata["op"]
    return found


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)
