"""Send the folder of playbooks to the runner.

Run as a module in the project's folder; reads from standard input a JSON object: {"target": Target, "folder": path from the project folder
on, "digest": of what is wanted there, "source": name under which it is put}.
"""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from components.kubernetes.folder import archive, digest
from components.remote.ssh import Target, options, pin
from components.remote.toolbox import ROOT

PATIENCE = 600
"""Seconds: Kubespray itself is some megabytes."""


def command(source: str) -> str:
    """The command line on the runner."""
    return f"exec {ROOT}/remote/run --deadline {PATIENCE} kubernetes/receive {shlex.quote(source)}"


def send(target: Target, folder: Path, source: str) -> str:
    """What went wrong, or nothing."""
    with TemporaryDirectory() as scratch:
        argv = [*options(target, pin(target, Path(scratch))), command(source)]
        try:
            ended = subprocess.run(argv, input=archive(folder), capture_output=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            return f"{target} did not take {folder} within {PATIENCE} s"
    return f"{target} did not take {folder}: {ended.stderr.decode(errors='replace').strip()}" if ended.returncode else ""


def main() -> int:
    said = json.load(sys.stdin)
    target, folder = Target.read(said["target"]), Path(said["folder"])
    if digest(folder) != said["digest"]:
        print(f"{folder} was changed since this run began: run again", file=sys.stderr)
        return 1
    print(f"{target.name}: sending {folder}", file=sys.stderr, flush=True)
    problem = send(target, folder, said["source"])
    print(problem, file=sys.stderr, end="\n" if problem else "")
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
