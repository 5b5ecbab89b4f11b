"""Machines as Kubespray's inventory has them: groups and host variables. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from components.storage.layout import Layout, layout
from components.storage.memory import MIB, Budget, budget
from config.machines import Machine
from config.model import Homelab

CONTROL_PLANE, ETCD, WORKERS = "kube_control_plane", "etcd", "kube_node"

HOST_PART = 1 / 3
"""Of the control plane's memory that is not in pods: etcd, kubelet, containerd. API server, scheduler and controllers are pods."""


@dataclass(frozen=True)
class Node:
    """One machine: the groups it is in, in the inventory's order, and its host variables."""

    name: str
    groups: Sequence[str]
    variables: Mapping[str, JsonValue]

    def entry(self) -> dict[str, JsonValue]:
        """As records and documents have it; an inventory can be made of it again."""
        return {"groups": [*self.groups], "variables": dict(self.variables)}


def nodes(homelab: Homelab) -> list[Node]:
    """In the fleet's order: own machines first, so that none that may vanish is the first of a group."""
    roles = layout(homelab)
    return [Node(name, groups(said), _variables(homelab, name, said, roles)) for name, said in homelab.machines.items()]


def groups(said: Machine) -> list[str]:
    """Members of the control plane keep etcd."""
    return [*([CONTROL_PLANE, ETCD] if said.control_plane else []), *([WORKERS] if said.works else [])]


def tree(found: Sequence[Node]) -> dict[str, JsonValue]:
    """hosts.yml as data."""
    members: dict[str, JsonValue] = {
        group: {"hosts": {node.name: {} for node in found if group in node.groups}} for group in (CONTROL_PLANE, ETCD, WORKERS)
    }
    return {"all": {"hosts": {node.name: dict(node.variables) for node in found}, "children": members}}


def reserved(found: Budget) -> Mapping[str, JsonValue]:
    """What the kubelet keeps from pods: the machine's budget, but for the part of the control plane that is pods itself. It bounds all
    pods together, and an API server within too little would be killed."""
    control_plane = found.kept.get("control plane", 0)
    kubernetes = int(control_plane * HOST_PART)
    return {"kube_memory_reserved": _mib(kubernetes), "system_memory_reserved": _mib(found.system_reserved - control_plane)}


def _variables(homelab: Homelab, name: str, said: Machine, roles: Layout) -> Mapping[str, JsonValue]:
    address, found = str(homelab.mesh.addresses[name]), budget(homelab, name, roles)
    port = said.ssh.port if said.ssh else 22
    return {
        "ansible_host": address,
        **({"ansible_port": port} if port != 22 else {}),
        "ip": address,
        "access_ip": address,
        **({"etcd_member_name": f"etcd-{name}"} if said.control_plane else {}),
        **({"node_labels": dict(said.labels)} if said.labels else {}),
        **({"node_taints": [*map(str, said.taints)]} if said.taints else {}),
        **(reserved(found) if found else {}),
    }


def _mib(size: int) -> str:
    return f"{size // MIB}Mi"
