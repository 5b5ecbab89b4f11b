"""Before Helm is asked: put right what an interrupted run has left of a release.

Helm refuses to touch a release whose last revision never ended, and to install one that is there already, though a killed engine knows
nothing of it. The script `releases/repair` on a control-plane machine sees both in the cluster; neither Helm nor the cluster's API is
needed here.
"""

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from subprocess import CompletedProcess
from typing import Any, Literal

import pulumi

from components.kubernetes.cluster import Cluster
from components.remote.ssh import Target, run
from components.remote.toolbox import ROOT

Act = Literal["create", "update"]
SLACK = 60
"""Seconds that the script may take besides waiting."""

UNREACHED = (124, 255)
"""What SSH ends with when there was no answer."""


def command(act: Act, inputs: Mapping[str, Any]) -> tuple[str, int]:
    """The command line on the machine and its deadline in seconds, for a release with these inputs. Pure."""
    patience = int(inputs.get("timeout") or 0)
    words = ["releases/repair", act, str(inputs["namespace"]), str(inputs["name"]), str(patience)]
    deadline = patience + SLACK
    return shlex.join([f"{ROOT}/remote/run", "--deadline", str(deadline), *words]), deadline


def verdict(release: str, ended: Sequence[tuple[str, CompletedProcess[str]]]) -> tuple[str, str]:
    """(level, text) for a person after the attempts, machine by machine; no text where there was nothing to do. Pure.

    It never stops the run: Helm itself says it best when a release cannot be changed.
    """
    for machine, done in ended:
        if done.returncode == 0:
            return "info", done.stdout.strip()
        if done.returncode not in UNREACHED:
            why = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            return "warn", f"{release}: {machine} could not see whether an interrupted run has left anything behind: {why}"
    names = ", ".join(machine for machine, _ in ended)
    return "warn", f"{release}: whether an interrupted run has left anything behind is not known, for none of {names} answers"


def hook(name: str, act: Act, cluster: Cluster) -> pulumi.ResourceHook:
    """Before a release is created, or updated."""

    async def repair(about: pulumi.ResourceHookArgs) -> None:
        known = await cluster.targets.future() or {}
        inputs = about.new_inputs or {}
        line, deadline = command(act, inputs)
        there = [Target.read(known[machine]) for machine in cluster.control_plane if machine in known]
        ended = await asked(there, line, deadline, run)
        level, text = verdict(f"{inputs['namespace']}/{inputs['name']}", ended)
        if text:
            (pulumi.log.warn if level == "warn" else pulumi.log.info)(text)

    return pulumi.ResourceHook(name, repair)


async def asked(
    targets: Sequence[Target], line: str, deadline: int, ask: Callable[..., CompletedProcess[str]]
) -> Sequence[tuple[str, CompletedProcess[str]]]:
    """One after the other until one answers."""
    ended: list[tuple[str, CompletedProcess[str]]] = []
    for target in targets:
        asked: Awaitable[CompletedProcess[str]] = asyncio.to_thread(ask, target, line, deadline=deadline + SLACK)
        ended.append((target.name, await asked))
        if ended[-1][1].returncode not in UNREACHED:
            break
    return ended
