"""Which engine and which state a make target uses: `python -m rehearsal.stack up|preview|destroy STACK`.

The `dev` stack lives in the rehearsal. Every other stack is the operator's: plain `pulumi` with the operator's own environment. Only its
preview can do without all that: it then runs on a scratch state, as for a stack that does not exist yet.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from rehearsal.engine.home import home
from rehearsal.paths import checkout, state

REHEARSED = "dev"
ACTS = ("up", "preview", "destroy")


def has_backend(environment: Mapping[str, str]) -> bool:
    """Whether the operator has a pulumi of their own that is logged in somewhere."""
    where = Path(environment.get("PULUMI_HOME") or Path.home() / ".pulumi") / "credentials.json"
    return bool(shutil.which("pulumi")) and ("PULUMI_BACKEND_URL" in environment or where.exists())


def scratch_preview(stack: str) -> int:
    """Preview a stack file on an empty state of its own, in a project folder of its own: making a stack writes into its file."""
    said = checkout() / f"Pulumi.{stack}.yaml"
    if not said.exists():
        sys.exit(f"there is no {said.name}: `make init STACK={stack}` makes it from Pulumi.home.yaml")
    folder = state() / "scratch" / stack
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "backend").mkdir(parents=True)
    (folder / "Pulumi.yaml").write_text(scratch_project(checkout()))
    shutil.copy(said, folder)
    environment = {**os.environ, **home(checkout()), "PULUMI_BACKEND_URL": f"file://{folder / 'backend'}"}
    environment.setdefault("VULTR_API_KEY", "only-previewed")
    print(f"{stack}: a preview as for a new stack, because there is no pulumi of your own with a backend", file=sys.stderr, flush=True)
    init = subprocess.run(["pulumi", "stack", "init", stack], env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if init.returncode:
        sys.exit(f"the scratch state of {stack} could not be made:\n{init.stderr}")
    return subprocess.run(["pulumi", "preview", "--stack", stack, "--non-interactive"], env=environment, cwd=folder, check=False).returncode


def scratch_project(root: Path) -> str:
    """Pulumi.yaml for a folder elsewhere, running the program of `root`."""
    project = yaml.safe_load((root / "Pulumi.yaml").read_text())
    project["main"] = str(root)
    project["runtime"]["options"]["virtualenv"] = str(root / project["runtime"]["options"]["virtualenv"])
    return yaml.safe_dump(project, sort_keys=False)


def own(act: str, stack: str) -> int:
    """Plain `pulumi` on the operator's own stack."""
    if act == "preview" and not has_backend(os.environ):
        return scratch_preview(stack)
    if not shutil.which("pulumi"):
        sys.exit(f"`make {act} STACK={stack}` needs Pulumi installed and a backend (`pulumi login`); only {REHEARSED} does without")
    return subprocess.run(["pulumi", act, "--stack", stack], cwd=checkout(), check=False).returncode


def rehearsed(act: str) -> int:
    """The dev stack on the rehearsal's engine; `up` builds the rehearsal first."""
    if act == "up":
        return subprocess.run([sys.executable, "-m", "rehearsal", "up"], cwd=checkout(), check=False).returncode
    yes = ["--yes"] if act == "destroy" else []
    return subprocess.run(
        [sys.executable, "-m", "rehearsal", "pulumi", act, "--stack", REHEARSED, *yes, "--non-interactive"], cwd=checkout(), check=False
    ).returncode


def main(arguments: list[str]) -> int:
    if len(arguments) != 2 or arguments[0] not in ACTS:
        sys.exit(f"usage: python -m rehearsal.stack {'|'.join(ACTS)} STACK")
    act, stack = arguments
    return rehearsed(act) if stack == REHEARSED else own(act, stack)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
