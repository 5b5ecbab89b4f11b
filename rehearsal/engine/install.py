"""Which engine runs the rehearsal: the `pulumi` on PATH when it will do, else one built from its Go module and cached."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rehearsal import paths
from rehearsal.engine.build import once
from rehearsal.engine.golang import go, module_folder, numbers
from rehearsal.engine.progress import Progress, run

VERSION = "3.259.0"
TOOLS = Path(__file__).with_name("tools")
HOST = Path(__file__).with_name("language.py")
SDK = "github.com/pulumi/pulumi/sdk/v3"
COMMAND = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
RUNNER = "pulumi-language-python-exec"
LAUNCHER = f"""#!/bin/sh
# The environment that `python -m rehearsal env` prints says which checkout's language host and Python to use.
exec "${{HOMELAB_REHEARSAL_PYTHON:?source .rehearsal/env first}}" -I "$HOMELAB_REHEARSAL_LANGUAGE_HOST" "$(dirname "$0")/{RUNNER}" "$@"
"""


@dataclass(frozen=True)
class Engine:
    """A `pulumi` executable, its version, and what must be in the environment to run it."""

    path: Path
    version: str
    environment: Mapping[str, str]


def ensure() -> Engine:
    """The engine, built first if need be (minutes, with lines of progress on stderr). Raises EngineProblem."""
    return on_path(os.environ.get("PATH", os.defpath)) or built(paths.cache())


def on_path(path: str) -> Engine | None:
    """The `pulumi` of that search path, if its own Python language host is beside it and it is new enough.

    One of this rehearsal's own builds (its environment was sourced) is none: it is found in the cache.
    """
    for folder in path.split(os.pathsep):
        executable = shutil.which("pulumi", path=folder) if folder else None
        if executable is None or Path(executable).resolve().is_relative_to(paths.cache().resolve()):
            continue
        return official(Path(executable))
    return None


def official(executable: Path) -> Engine | None:
    host = executable.resolve().with_name("pulumi-language-python")
    if not os.access(host, os.X_OK):
        return None
    answer = subprocess.run([executable, "version"], capture_output=True, text=True, env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"})
    found = re.match(r"v([0-9.]+)", answer.stdout.strip())
    if found is None or numbers(found[1]) < numbers(VERSION):
        return None
    return Engine(executable, found[1], {"PATH": _first(executable.parent)})


def built(cache: Path) -> Engine:
    """The engine in the cache, built into it when it is not there. Two who ask at once get one build."""
    folder = cache / f"engine-{VERSION}"
    once(folder, "engine", lambda: complete(folder), lambda made: _build(made, cache))
    environment = {
        "PATH": _first(folder),
        "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",  # a language host of another engine on PATH would be taken before this one's
        "HOMELAB_REHEARSAL_PYTHON": sys.executable,
        "HOMELAB_REHEARSAL_LANGUAGE_HOST": str(HOST),
    }
    return Engine(folder / "pulumi", VERSION, environment)


def complete(folder: Path) -> bool:
    """Whether the folder holds a whole engine with today's launcher."""
    launcher = folder / "pulumi-language-python"
    return os.access(folder / "pulumi", os.X_OK) and (folder / RUNNER).exists() and launcher.exists() and launcher.read_text() == LAUNCHER


def _first(folder: Path) -> str:
    """PATH with the folder in front, once."""
    rest = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part != str(folder)]
    return os.pathsep.join([str(folder), *rest])


def _build(target: Path, cache: Path) -> None:
    compiler = go(TOOLS, cache)
    environment = {**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    progress = Progress(f"engine: building Pulumi {VERSION} (once; some minutes)", "modules and packages")
    run(_compile(compiler, target / "pulumi"), progress, cwd=TOOLS, env=environment)
    shutil.copyfile(module_folder(compiler, SDK, TOOLS) / "python" / "cmd" / RUNNER, target / RUNNER)
    launcher = target / "pulumi-language-python"
    launcher.write_text(LAUNCHER)
    launcher.chmod(0o755)


def _compile(compiler: Path, output: Path) -> list[str]:
    stamp = f"-s -w -X {SDK}/go/common/version.Version=v{VERSION}"
    return [str(compiler), "build", "-v", "-tags", "osusergo,grpcnotrace", "-ldflags", stamp, "-o", str(output), COMMAND]
