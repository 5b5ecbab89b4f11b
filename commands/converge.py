"""What the next `up` would do to the cluster, in words: the runner's record against the plan. For `make plan`; changes nothing."""

import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.kubernetes import folder
from components.kubernetes import plan as kubernetes
from components.machines.plan import FleetPlan, Own
from components.remote.ssh import Target, run

RECORD = "/var/lib/homelab/kubernetes/applied.json"
READ = f'as=; [ "$(id -u)" = 0 ] || as="sudo -n"; if $as test -e {RECORD}; then $as cat {RECORD}; else echo null; fi'
PATIENCE = 10


def words(plan: kubernetes.KubernetesPlan, fleet: FleetPlan) -> str:
    """A line a playbook, or why none can be told; empty without a cluster. Machines are taken to answer when their turn comes."""
    if not plan.enabled:
        return ""
    target = _target(plan.runner, fleet)
    done = run(target, READ, deadline=PATIENCE)
    if done.returncode:
        return f"What `up` would do to the cluster is not known: {target} cannot be asked ({_last(done.stderr)})"
    try:
        return said(json.loads(done.stdout), plan)
    except OSError as problem:
        return f"`up` would stop before it touches the cluster: {problem}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"What `up` would do to the cluster is not known: {RECORD} on {plan.runner} is no record of this program's"


def said(applied: dict[str, Any] | None, plan: kubernetes.KubernetesPlan) -> str:
    """The decision about a record, in words. OSError when there is no folder where the plan has one."""
    wanted, names = _wanted(plan), {*plan.machines, *(applied or {}).get("machines", {})}
    found = _module("decide").decide(applied, wanted, names)
    if found["refused"]:
        why = found["refused"].splitlines()
        if not plan.folder and not wanted["supported"]:
            why.append(f"{wanted['kubespray']} is not known here; the runner reads what it can install, and may find a way")
        return _lines("`up` would refuse to touch the cluster:", why)
    if not found["steps"]:
        return "`up` would leave the cluster as it is."
    return _lines("`up` would, one after the other:", [f"{step['reason']} ({step['playbook']})" for step in found["steps"]])


def _wanted(plan: kubernetes.KubernetesPlan) -> dict[str, Any]:
    """As the runner will have it, which reads from the playbooks what they can install."""
    if not plan.folder:
        return plan.wanted()
    place, records = Path(plan.folder), _module("records")
    wanted, tables = plan.wanted(folder.digest(place)), place / records.CHECKSUMS
    return {**wanted, "supported": records.supported(tables.read_text())} if tables.exists() else wanted


def _lines(head: str, lines: Sequence[str]) -> str:
    return "\n".join([head, *(f"  {number}. {line}" for number, line in enumerate(lines, 1))])


def _target(name: str, fleet: FleetPlan) -> Target:
    access = fleet.machines[name].access
    assert isinstance(access, Own), "the runner is an own machine"
    return Target(name, access.host, access.port, access.user, access.host_key, fleet.key_file)


def _module(name: str) -> Any:
    """One of the machines' own, which are no part of any package."""
    scripts = str(Path(kubernetes.__file__).parent / "scripts")
    sys.path.insert(0, scripts)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(scripts)


def _last(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else "no answer"
