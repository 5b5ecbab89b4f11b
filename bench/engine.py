"""The rehearsal's engine on scratch states, and how long it takes."""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from rehearsal import lifecycle, paths, program
from rehearsal.stack import scratch_project

DEADLINE = 900.0
"""Seconds for one command of the engine."""


class BenchError(RuntimeError):
    """A measure could not be taken; the text is for a person."""


@dataclass(frozen=True)
class Project:
    """A program, a stack of it named as the rehearsed one, and its state."""

    folder: Path
    environment: Mapping[str, str]

    def with_variables(self, more: Mapping[str, str]) -> "Project":
        """The same, with more in its environment."""
        return replace(self, environment={**self.environment, **more})

    def timed(self, *words: str) -> float:
        """Seconds of one `pulumi` command from start to end."""
        begun = time.monotonic()
        self.run(*words)
        return time.monotonic() - begun

    def run(self, *words: str) -> str:
        """Standard output of one `pulumi` command on the stack. BenchError with what it printed when it fails."""
        argv = ["pulumi", *words, "--stack", program.STACK, "--non-interactive", "--color", "never"]
        try:
            done = subprocess.run(
                argv, cwd=self.folder, env=dict(self.environment), capture_output=True, text=True, timeout=DEADLINE, check=False
            )
        except subprocess.TimeoutExpired:
            raise BenchError(f"`pulumi {' '.join(words)}` in {self.folder} did not end within {DEADLINE:.0f} s") from None
        if done.returncode:
            raise BenchError(f"`pulumi {' '.join(words)}` in {self.folder} failed:\n{(done.stdout + done.stderr)[-3000:]}")
        return done.stdout

    def resources(self) -> dict[str, int]:
        """How many resources of each type a preview would make, the stack itself left out."""
        return kinds(json.loads(self.run("preview", "--json")))


def kinds(preview: Mapping[str, Any]) -> dict[str, int]:
    """Type -> number, from what `pulumi preview --json` prints; providers, gates and the stack are the engine's own."""
    found: dict[str, int] = {}
    for step in preview["steps"]:
        kind = step["newState"]["type"]
        if not kind.startswith("pulumi:"):
            found[kind] = found.get(kind, 0) + 1
    return found


def variables() -> dict[str, str]:
    """The environment of the rehearsal's engine; needs neither root nor machines. Python keeps what it has compiled, as it does by default:
    else each command would compile the whole SDK."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **lifecycle.environment()}


def rehearsed() -> Project:
    """The dev stack of this checkout with the state of `make up`. BenchError when there is none."""
    if not (paths.state() / "backend/.pulumi/stacks/homelab" / f"{program.STACK}.json").exists():
        raise BenchError("there is no rehearsal: run `make up` first")
    return Project(paths.checkout(), variables())


@contextmanager
def scratch(text: str | None, stack: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Iterator[Project]:
    """A project on an empty state that ends with the block. `text`: that of another `__main__.py` than the checkout's."""
    with TemporaryDirectory(prefix="homelab-bench-") as name:
        folder = Path(name)
        state = folder / "state"
        state.mkdir()
        project = yaml.safe_load(scratch_project(paths.checkout()))
        if text is not None:
            del project["main"], project["config"]
            (folder / "__main__.py").write_text(text)
        (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project, sort_keys=False))
        (folder / "Pulumi.dev.yaml").write_text(yaml.safe_dump(dict(stack), sort_keys=False))
        made = Project(folder, {**(environment or variables()), "PULUMI_BACKEND_URL": f"file://{state}"})
        made.run("stack", "init")
        yield made
