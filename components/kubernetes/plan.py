"""The cluster as it will be: who is in it, Kubespray's inventory and variables, and the documents that the scripts read. Pure.

Live values (anchors, keys, a folder's digest, admin.conf) come in as plain arguments.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network

import yaml
from pydantic import JsonValue

from components.kubernetes import releases
from components.kubernetes.inventory import CONTROL_PLANE, WORKERS, Node, nodes, tree
from components.kubernetes.kubeconfig import kubeconfig
from components.kubernetes.variables import pod_mtu, variables
from components.kubernetes.warnings import warnings
from config.identities import ssh_public
from config.kubernetes import Kubernetes
from config.model import Homelab

HEAD = "# Written by homelab; edits are overwritten.\n"


PACKAGES = ("ca-certificates", "openssh-client", "python3-venv")
"""What the runner needs; on every machine, for another may become it."""

PYTHON, ROOM = (3, 11), 2 * 1000**3
"""The oldest Python whose Ansible Kubespray takes, and bytes for the playbooks and Ansible's environment: as `kubernetes/runner` checks."""


@dataclass(frozen=True)
class Host:
    """How the runner reaches a machine: its mesh address, sshd's port, and the key it must show."""

    address: IPv4Address
    port: int
    host_key: str


@dataclass(frozen=True)
class KubernetesPlan:
    """The whole cluster; empty where no `kubespray` is wanted. Machines are in the fleet's order: own ones first.

    `servers`: own control-plane machine -> where its API is for the operator.
    """

    kubernetes: Kubernetes
    nodes: Sequence[Node]
    hosts: Mapping[str, Host]
    mesh: IPv4Network
    variables: Mapping[str, JsonValue]
    runner: str
    context: str
    servers: Mapping[str, IPv4Address]
    pod_mtu: int
    warnings: Sequence[str]

    @property
    def enabled(self) -> bool:
        """Whether there is any cluster."""
        return self.kubernetes.kubespray is not None

    @property
    def packages(self) -> Sequence[str]:
        """Of the distribution, on every machine."""
        return PACKAGES if self.enabled else ()

    @property
    def needs(self) -> Mapping[str, Mapping[str, JsonValue]]:
        """Machine -> what its preflight expects for the cluster."""
        return {self.runner: {"runner": {"python": [*PYTHON], "room": ROOM}}} if self.enabled else {}

    @property
    def machines(self) -> Sequence[str]:
        """All of the cluster's."""
        return [node.name for node in self.nodes]

    @property
    def control_plane(self) -> Sequence[str]:
        """Also the members of etcd."""
        return [node.name for node in self.nodes if CONTROL_PLANE in node.groups]

    @property
    def workers(self) -> Sequence[str]:
        """Where pods run."""
        return [node.name for node in self.nodes if WORKERS in node.groups]

    @property
    def folder(self) -> str | None:
        """The folder of playbooks, from the project's on; None for a release."""
        return self.kubernetes.kubespray.folder if self.kubernetes.kubespray else None

    def source(self, folder_digest: str = "") -> str:
        """What the playbooks are known by: v2.31.0, or folder-<digest>."""
        assert self.kubernetes.kubespray, "there is no cluster in this plan"
        return self.kubernetes.kubespray.version or f"folder-{folder_digest[:12]}"

    @cached_property
    def inventory(self) -> str:
        """hosts.yml."""
        return HEAD + _yaml(tree(self.nodes))

    @cached_property
    def group_variables(self) -> str:
        """group_vars/all/homelab.yml."""
        return HEAD + _yaml(dict(self.variables))

    @cached_property
    def digest(self) -> str:
        """Of all machines' variables but the version of Kubernetes, which is told apart: an upgrade is no change of variables."""
        said = {name: value for name, value in self.variables.items() if name != "kube_version"}
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def runner_arguments(self) -> list[str]:
        """`kubernetes/runner`, for people to read in a preview."""
        return ["folder", self.folder] if self.folder else [self.source()]

    def runner_document(self, folder_digest: str = "") -> str:
        """`kubernetes/runner`, on `runner`: {"source": see `source`, "url", "checksum": "sha256:…"; both null for a folder}."""
        assert self.kubernetes.kubespray, "there is no cluster in this plan"
        version, checksum = self.kubernetes.kubespray.version, self.kubernetes.kubespray.checksum
        return _json({"source": self.source(folder_digest), "url": releases.URL.format(version) if version else None, "checksum": checksum})

    def prepare_document(self, machine: str, public_key: str) -> str:
        """`kubernetes/prepare`, on every machine: {"key": the runner's public key, "from": its mesh address, "network": the mesh,
        "controlPlane": whether this machine is of it}."""
        here = {"key": public_key.strip(), "from": str(self.hosts[self.runner].address), "network": str(self.mesh)}
        return _json({**here, "controlPlane": machine in self.control_plane})

    @property
    def converge_arguments(self) -> list[str]:
        """`kubernetes/converge`, for people to read in a preview: their change is the plan in words."""
        playbooks = ["kubespray", self.folder or self.source(), "kubernetes", self.kubernetes.version]
        groups = ["control-plane", ",".join(self.control_plane), "workers", ",".join(self.workers)]
        return [*playbooks, *groups, "variables", self.digest[:8]]

    def converge_document(self, systems: Mapping[str, str], folder_digest: str = "") -> str:
        """`kubernetes/converge`, on `runner`. `systems`: machine -> id of its installed system, so that a new one is a change.

        {"source", "inventory", "variables": texts of the two files, "network", "controlPlane": [machine],
         "hosts": {machine: {"address", "port", "key", "system"}}, "wanted": see `wanted`}
        """
        hosts = {
            name: {"address": str(host.address), "port": host.port, "key": host.host_key, "system": systems[name]}
            for name, host in self.hosts.items()
        }
        return _json(
            {
                "source": self.source(folder_digest),
                "inventory": self.inventory,
                "variables": self.group_variables,
                "network": self.kubernetes.network,
                "controlPlane": [*self.control_plane],
                "hosts": hosts,
                "wanted": self.wanted(folder_digest),
            }
        )

    def wanted(self, folder_digest: str = "") -> dict[str, JsonValue]:
        """What `decide` compares with the applied record, and what becomes the next one.

        {"kubespray": see `source`, "version", "order": [machine], "machines": {machine: {"groups", "variables"}}, "variables": digest,
         "network", "pods", "services", "encryptSecrets", "supported": {minor: newest patch} or null,
         "releases": {release of Kubespray: the same}}
        """
        assert self.kubernetes.kubespray, "there is no cluster in this plan"
        said, known = self.kubernetes, releases.supported(self.kubernetes.kubespray)
        return {
            "kubespray": self.source(folder_digest),
            "version": said.version,
            "order": [*self.machines],
            "machines": {node.name: node.entry() for node in self.nodes},
            "variables": self.digest,
            "network": said.network,
            "pods": str(said.pods),
            "services": str(said.services),
            "encryptSecrets": said.encrypt_secrets,
            "supported": dict(known) if known else None,
            "releases": {release: dict(can) for release, can in releases.RELEASES.items()},
        }

    def kubeconfig(self, admin_conf: str) -> str:
        """The operator's, from where the operator is. Secret."""
        return kubeconfig(admin_conf, {name: str(address) for name, address in self.servers.items()}, self.context)

    def client_kubeconfig(self, admin_conf: str) -> str:
        """The same for a client of the mesh. Secret."""
        return kubeconfig(admin_conf, {name: str(self.hosts[name].address) for name in self.servers}, self.context)


def plan(homelab: Homelab) -> KubernetesPlan:
    """Of a configuration in which `check` finds nothing."""
    said = homelab.kubernetes
    found = nodes(homelab) if said.kubespray else []
    control_plane = [node.name for node in found if CONTROL_PLANE in node.groups]
    servers = {name: _server(homelab, name) for name in control_plane if not homelab.machines[name].rented}
    first = next(iter(servers), "")
    return KubernetesPlan(
        kubernetes=said,
        nodes=found,
        hosts={node.name: _host(homelab, node.name) for node in found},
        mesh=homelab.mesh.network,
        variables=variables(homelab, control_plane) if found else {},
        runner=said.runner or first,
        context=said.context or first,
        servers=servers,
        pod_mtu=pod_mtu(homelab),
        warnings=warnings(homelab, control_plane) if found else [],
    )


def _server(homelab: Homelab, name: str) -> IPv4Address:
    lan = homelab.machines[name].lan
    return lan.ip if lan and homelab.operator.via == "lan" else homelab.mesh.addresses[name]


def _host(homelab: Homelab, name: str) -> Host:
    ssh = homelab.machines[name].ssh
    key = ssh.host_key if ssh and ssh.host_key else ssh_public(homelab.identities.host_key(name).get_secret_value())
    return Host(homelab.mesh.addresses[name], ssh.port if ssh else 22, key)


def _yaml(said: JsonValue) -> str:
    return yaml.safe_dump(said, sort_keys=False, width=10_000)


def _json(said: object) -> str:
    return json.dumps(said, sort_keys=True)
