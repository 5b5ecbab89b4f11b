"""Which engine and which state a make target uses: `python -m rehearsal.stack up|preview|destroy STACK`.

The `dev` stack lives in the rehearsal. Every other stack is the operator's: plain `pulumi` with the operator's own environment. Only its
preview can do without all that: it then runs on a scratch state, as for a stack that does not exist yet.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from config.document import read_document, stack_file
from config.passphrase import Box, WrongPassphrase
from config.problems import Refused
from rehearsal.engine.problem import EngineProblem
from rehearsal.lifecycle import environment
from rehearsal.paths import checkout, state
from rehearsal.program import STACK as REHEARSED

ACTS = ("up", "preview", "destroy")
PUBLIC_PASSPHRASE = "homelab"  # of the stacks in the repository


def backend(variables: Mapping[str, str]) -> str | None:
    """The address of the operator's own backend, as pulumi would choose it; None when it is logged in nowhere."""
    found = variables.get("PULUMI_BACKEND_URL") or _logged_in(variables)
    if not found and variables.get("PULUMI_ACCESS_TOKEN"):
        return "https://api.pulumi.com"
    if found and found.startswith("file://") and not Path(found.removeprefix("file://")).expanduser().is_dir():
        return None
    return found or None


def why_scratch(stack: str, variables: Mapping[str, str]) -> str | None:
    """Why a preview cannot use the operator's state; None when it can. Asks the backend for no more than a list of its stacks."""
    if not shutil.which("pulumi"):
        return "there is no pulumi on PATH"
    if not backend(variables):
        return "your pulumi is logged in nowhere"
    line = ["pulumi", "stack", "ls", "--json", "--non-interactive"]
    asked = subprocess.run(line, cwd=checkout(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if asked.returncode:
        where = backend(variables)
        sys.exit(f"{where} does not say which stacks it has:\n{asked.stderr.strip()}\n`pulumi login`, or `pulumi logout` to do without")
    names = {str(one["name"]).rpartition("/")[2] for one in json.loads(asked.stdout)}
    return None if stack.rpartition("/")[2] in names else "your backend has no stack of that name"


def scratch_preview(stack: str, why: str) -> int:
    """Preview a stack file on an empty state of its own, in a project folder of its own: making a stack writes into its file."""
    document = read_document(stack, checkout())
    variables = {**os.environ, **environment(), "PULUMI_CONFIG_PASSPHRASE": passphrase(stack, document, os.environ)}
    scratch = state() / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    print(f"{stack}: a preview as for a new stack, because {why}", file=sys.stderr, flush=True)
    with TemporaryDirectory(prefix=f"{stack}-", dir=scratch) as name:
        folder = Path(name)
        (folder / "backend").mkdir()
        (folder / "Pulumi.yaml").write_text(scratch_project(checkout()))
        shutil.copy(stack_file(stack, checkout()), folder)
        variables["PULUMI_BACKEND_URL"] = f"file://{folder / 'backend'}"
        line = ["pulumi", "stack", "init", stack, "--non-interactive"]
        init = subprocess.run(line, env=variables, cwd=folder, capture_output=True, text=True, check=False)
        if init.returncode:
            sys.exit(f"the scratch state of {stack} could not be made:\n{init.stderr}")
        line = ["pulumi", "preview", "--stack", stack, "--non-interactive"]
        return subprocess.run(line, env=variables, cwd=folder, check=False).returncode


def scratch_project(root: Path) -> str:
    """Pulumi.yaml for a folder elsewhere, running the program of `root`."""
    project = yaml.safe_load((root / "Pulumi.yaml").read_text())
    project["main"] = str(root)
    project["runtime"]["options"]["virtualenv"] = str(root / project["runtime"]["options"]["virtualenv"])
    return yaml.safe_dump(project, sort_keys=False)


def passphrase(stack: str, document: Mapping[str, Any], variables: Mapping[str, str]) -> str:
    """The one of those given, or the public one, that opens the secrets of the stack file. Ends the program when none does."""
    salt = document.get("encryptionsalt")
    for phrase in _phrases(variables):
        try:
            if salt is None or Box.open(phrase, salt):
                return phrase
        except WrongPassphrase:
            continue
        except ValueError as error:
            sys.exit(f"Pulumi.{stack}.yaml: {error}")
    sys.exit(
        f"Pulumi.{stack}.yaml holds secrets: set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to the passphrase they open with"
    )


def own(act: str, stack: str) -> int:
    """Plain `pulumi` on the operator's own stack."""
    if act == "preview" and (why := why_scratch(stack, os.environ)):
        return scratch_preview(stack, why)
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
    try:
        return rehearsed(act) if stack == REHEARSED else own(act, stack)
    except (Refused, EngineProblem) as problem:
        sys.exit(str(problem))


def _logged_in(variables: Mapping[str, str]) -> str | None:
    folder = variables.get("PULUMI_CREDENTIALS_PATH") or variables.get("PULUMI_HOME") or Path.home() / ".pulumi"
    try:
        current = json.loads(Path(folder, "credentials.json").read_text()).get("current")
    except (OSError, ValueError, AttributeError):
        return None
    return current if isinstance(current, str) else None


def _phrases(variables: Mapping[str, str]) -> Iterator[str]:
    if given := variables.get("PULUMI_CONFIG_PASSPHRASE"):
        yield given
    with suppress(KeyError, OSError, UnicodeDecodeError):
        yield Path(variables["PULUMI_CONFIG_PASSPHRASE_FILE"]).read_text(encoding="utf-8").strip()
    yield PUBLIC_PASSPHRASE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
