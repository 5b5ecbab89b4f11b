"""The cluster as people read it: tables for `make plan`, a small document for the stack's outputs. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from tabulate import tabulate

from components.kubernetes.inventory import CONTROL_PLANE, ETCD, WORKERS, Node
from components.kubernetes.plan import KubernetesPlan


def text(plan: KubernetesPlan) -> str:
    """Tables: who is what, what is installed, networks, the operator's own variables; then warnings. Empty without a cluster."""
    if not plan.enabled:
        return ""
    parts = [_head(plan), _machines(plan), _facts(plan), _own(plan), "\n".join(_numbered(plan.warnings))]
    return "\n\n".join(part for part in parts if part)


def document(plan: KubernetesPlan) -> dict[str, Any]:
    """The same for the stack's outputs, plain values only; empty without a cluster."""
    if not plan.enabled:
        return {}
    return {
        "version": plan.kubernetes.version,
        "kubespray": _playbooks(plan),
        "runner": plan.runner,
        "controlPlane": [*plan.control_plane],
        "workers": [*plan.workers],
        "contexts": {name: f"https://{address}:6443" for name, address in plan.servers.items()},
        "warnings": [*plan.warnings],
    }


def _head(plan: KubernetesPlan) -> str:
    return f"Kubernetes {plan.kubernetes.version} by {_playbooks(plan)}, run on {plan.runner}"


def _playbooks(plan: KubernetesPlan) -> str:
    return f"the playbooks in {plan.folder}" if plan.folder else f"Kubespray {plan.source()}"


def _machines(plan: KubernetesPlan) -> str:
    rows = [_machine(plan, node) for node in plan.nodes]
    headers = ["machine", "control plane", "etcd", "pods run", "reserved", "API for the operator", "labels and taints"]
    return tabulate(rows, headers=headers, disable_numparse=True)


def _machine(plan: KubernetesPlan, node: Node) -> list[str]:
    said = node.variables
    first = node.name == plan.control_plane[0]
    here = "first" if first else _mark(CONTROL_PLANE in node.groups)
    reserved = [str(said[key]) for key in ("system_memory_reserved", "kube_memory_reserved") if key in said]
    server = f"https://{plan.servers[node.name]}:6443" if node.name in plan.servers else ""
    chosen = f"{server} (chosen)" if node.name == plan.context else server
    labels, taints = said.get("node_labels"), said.get("node_taints")
    marks = [f"{key}={value}" for key, value in labels.items()] if isinstance(labels, dict) else []
    marks += [str(taint) for taint in taints] if isinstance(taints, list) else []
    return [node.name, here, _mark(ETCD in node.groups), _mark(WORKERS in node.groups), " + ".join(reserved), chosen, " ".join(marks)]


def _facts(plan: KubernetesPlan) -> str:
    said, variables = plan.kubernetes, plan.variables
    beat = f"heartbeat {variables['etcd_heartbeat_interval']} ms, another leads after {variables['etcd_election_timeout']} ms"
    rows = [
        ["pods", f"{said.pods}, {said.network} over the mesh, packets of {plan.pod_mtu} bytes"],
        ["services", f"{said.services}; NodePorts answer on mesh addresses only"],
        ["API", "port 6443 on all addresses, closed to the Internet by the firewalls; known by machines' names and mesh addresses"],
        ["etcd", f"{beat}, {said.snapshots.keep} snapshots kept"],
        ["Secrets in etcd", "encrypted" if said.encrypt_secrets else "as they are"],
        ["audit log", "on the control-plane machines" if said.audit else "none"],
        ["certificates", "renewed by themselves" if variables["auto_renew_certificates"] is True else "NOT renewed by themselves"],
    ]
    return tabulate(rows, tablefmt="plain")


def _own(plan: KubernetesPlan) -> str:
    rows = [[name, str(value)[:80]] for name, value in plan.kubernetes.variables.items()]
    return tabulate(rows, headers=["variable of yours", "value"], disable_numparse=True) if rows else ""


def _numbered(lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield "To know:"
    yield from (f"  {number}. {line}" for number, line in enumerate(lines, 1))


def _mark(here: bool) -> str:
    return "yes" if here else ""
