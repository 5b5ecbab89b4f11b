"""What is done on a control-plane machine around Helm's own work, by scripts there; neither Helm nor the cluster's API is needed here.

Before: Helm refuses to touch a release whose last revision never ended, and to install one that is there already, though a killed engine
knows nothing of it. `releases/repair` puts both right. After a failure: Helm says that something did not get ready, and takes it back;
`releases/why` reads what the cluster said of it.
"""

import asyncio
import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from subprocess import CompletedProcess
from typing import Any, Literal

import pulumi

from components.kubernetes.cluster import Cluster
from components.remote.ssh import Target, run
from components.remote.toolbox import ROOT

Act = Literal["create", "update"]
Ended = Sequence[tuple[str, CompletedProcess[str]]]
SLACK = 60
"""Seconds that a script may take besides waiting."""

UNREACHED = (124, 255)
"""What SSH ends with when there was no answer."""

THREADS = ThreadPoolExecutor(32, "release-hook")
"""Apart from the event loop's own. Each of those may wait for a resource to be registered, which waits for its hook: with `--parallel 1`
there are four of them, and a hook that queued for one would wait for itself."""


def repairing(act: Act, inputs: Mapping[str, Any]) -> tuple[str, int]:
    """The command line on the machine and its deadline in seconds, for a release with these inputs. Pure."""
    return _line("repair", inputs, [act, *_which(inputs)], _timeout(inputs) + SLACK)


def asking(inputs: Mapping[str, Any], known: Iterable[str]) -> tuple[str, int]:
    """The same for the reasons of a failure, which is twice as old at most: Helm waited, and took back. Pure.

    `known`: all releases, as namespace/name. Those whose names begin with this one's are told to the script.
    """
    namespace, name, seconds = _which(inputs)
    others = [other.removeprefix(f"{namespace}/") for other in known if other.startswith(f"{_called(inputs)}-")]
    return _line("why", inputs, [namespace, name, str(2 * int(seconds) + SLACK), *others], SLACK)


def verdict(release: str, ended: Ended) -> tuple[str, str]:
    """(level, text) for a person after the attempts, machine by machine; no text where there was nothing to do. Pure.

    It never stops the run: Helm itself says it best when a release cannot be changed.
    """
    for machine, done in ended:
        if done.returncode == 0:
            return "info", done.stdout.strip()
        if done.returncode not in UNREACHED:
            return "warn", f"{release}: {machine} could not see whether an interrupted run has left anything behind: {_last(done)}"
    names = ", ".join(machine for machine, _ in ended)
    return "warn", f"{release}: whether an interrupted run has left anything behind is not known, for none of {names} answers"


def reasons(release: str, ended: Ended) -> str:
    """What the cluster said of a release that failed, for a person; empty when nobody could be asked, or it said nothing. Pure."""
    said = next((done.stdout.rstrip() for _, done in ended if done.returncode == 0), "")
    return f"{release} did not get well. What the cluster said of it meanwhile:\n{said}" if said else ""


def before(name: str, act: Act, cluster: Cluster) -> pulumi.ResourceHook:
    """Before a release is created, or updated: put right what an interrupted run has left of it."""

    async def repair(about: pulumi.ResourceHookArgs) -> None:
        inputs = about.new_inputs or {}
        level, text = verdict(_called(inputs), await _ask(cluster, *repairing(act, inputs)))
        if text:
            (pulumi.log.warn if level == "warn" else pulumi.log.info)(text)

    return pulumi.ResourceHook(name, repair)


def failed(name: str, cluster: Cluster, known: Collection[str]) -> pulumi.ErrorHook:
    """After Helm has failed: say why. It is never tried again by itself. `known`: all releases, as namespace/name."""

    async def explain(about: pulumi.ErrorHookArgs) -> bool:
        inputs = about.new_inputs or {}
        if inputs and not pulumi.runtime.is_dry_run() and (text := reasons(_called(inputs), await _ask(cluster, *asking(inputs, known)))):
            pulumi.log.error(text)
        return False

    return pulumi.ErrorHook(name, explain)


async def asked(targets: Sequence[Target], line: str, deadline: int, ask: Callable[..., CompletedProcess[str]]) -> Ended:
    """One after the other until one answers."""
    ended: list[tuple[str, CompletedProcess[str]]] = []
    for target in targets:
        answer = asyncio.get_running_loop().run_in_executor(THREADS, partial(ask, target, line, deadline=deadline + SLACK))
        ended.append((target.name, await answer))
        if ended[-1][1].returncode not in UNREACHED:
            break
    return ended


async def _ask(cluster: Cluster, line: str, deadline: int) -> Ended:
    known = await cluster.targets.future() or {}
    there = [Target.read(known[machine]) for machine in cluster.control_plane if machine in known]
    return await asked(there, line, deadline, run)


def _line(script: str, inputs: Mapping[str, Any], arguments: Sequence[str], deadline: int) -> tuple[str, int]:
    """One release does not wait for another's: a repair may take as long as that one's deadline."""
    run = [f"{ROOT}/remote/run", "--deadline", str(deadline), "--apart", _called(inputs)]
    return shlex.join([*run, f"releases/{script}", *arguments]), deadline


def _which(inputs: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(inputs["namespace"]), str(inputs["name"]), str(_timeout(inputs))


def _timeout(inputs: Mapping[str, Any]) -> int:
    return int(inputs.get("timeout") or 0)


def _called(inputs: Mapping[str, Any]) -> str:
    return f"{inputs.get('namespace')}/{inputs.get('name')}"


def _last(done: CompletedProcess[str]) -> str:
    return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
