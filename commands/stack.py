"""What the operator's commands ask the engine: always the `pulumi` on PATH, with the environment of the caller."""

import json
import shutil
import subprocess
import sys
from typing import Any

from components.remote.ssh import Target


def pulumi(stack: str, *arguments: str, stdin: str | None = None) -> str:
    """Run `pulumi ARGUMENTS --stack STACK` and give its standard output; ends the program with its words when it fails."""
    if not shutil.which("pulumi"):
        sys.exit("there is no pulumi on PATH: install it, or `. .rehearsal/env` for the dev stack of `make up`")
    done = subprocess.run(["pulumi", *arguments, "--stack", stack], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"pulumi {arguments[0]} failed for stack {stack}:\n{done.stderr.strip()}")
    return done.stdout


def output(stack: str, name: str) -> Any:
    """One output of the stack; ends the program when the stack has none (it was never brought up)."""
    outputs = json.loads(pulumi(stack, "stack", "output", "--json"))
    if name not in outputs:
        sys.exit(f"stack {stack} has no output {name!r}: bring it up first (`make up STACK={stack}`)")
    return outputs[name]


def target(stack: str, machine: str) -> Target:
    """How a machine of the stack is reached; ends the program for an unknown name."""
    machines = output(stack, "machines")
    if machine not in machines:
        sys.exit(f"stack {stack} has no machine {machine!r}, only {', '.join(machines)}")
    return Target.read(machines[machine])
