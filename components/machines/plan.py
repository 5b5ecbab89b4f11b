"""Machines as they will be: how each is reached, what its preflight expects, its base system and its firewall. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, collapse_addresses
from typing import Any

import yaml
from pydantic import SecretStr

from components.mesh.plan import DEVICE, PORT, TUNNEL, neighbours
from components.templates import render
from config.identities import ssh_public
from config.machines import Machine
from config.model import Homelab

PACKAGES = ("chrony", "nftables")
"""What the base system itself needs; features add theirs."""

PUBLIC_PORTS = (("tcp", 22), ("tcp", PORT), ("udp", PORT), ("tcp", 80), ("tcp", 443))
"""All that the Internet may reach on a rented machine: SSH, Tinc, and the web."""

API_PORT = 6443

OVERLAYS = ["flannel.1", "vxlan.calico"]
"""The devices by which pods' traffic comes out of the mesh: what is inside of it may bear another machine's mesh address."""

PODS = ["cni0", "cali*"]
"""The devices by which pods of this machine speak to it: to its API server, when that is the one that a service address stands for."""


@dataclass(frozen=True)
class Rented:
    """A Vultr server. Its public address is known only once its reserved address exists."""

    region: str
    plan: str
    os_id: int
    protect: bool
    ipv6: bool
    operator_key: str
    host_key: str
    private_host_key: SecretStr

    def user_data(self, name: str) -> str:
        """The cloud-config that plants the pinned host key and the operator's key. Secret: it holds the private host key."""
        said = {
            "hostname": name,
            "preserve_hostname": False,
            "manage_etc_hosts": False,
            "locale": False,  # cloud-init calls update-locale, which minimal images lack
            "disable_root": False,
            "ssh_pwauth": False,
            "ssh_deletekeys": True,
            "ssh_genkeytypes": [],
            "ssh_keys": {"ed25519_private": self.private_host_key.get_secret_value(), "ed25519_public": self.host_key},
            "users": [{"name": "root", "lock_passwd": True, "ssh_authorized_keys": [self.operator_key]}],
            # Vultr's images come with ufw on; two firewalls that do not know of each other lock people out.
            "runcmd": [["sh", "-c", "! command -v ufw >/dev/null || ufw --force disable"]],
        }
        return "#cloud-config\n" + yaml.safe_dump(said, sort_keys=True)


@dataclass(frozen=True)
class Own:
    """A machine of the operator's, reached at `host`."""

    host: str
    user: str
    port: int
    host_key: str


@dataclass(frozen=True)
class MachinePlan:
    """One machine. `base`, `firewall` and `expectation` are the documents that its scripts and the preflight read."""

    name: str
    site: str
    mesh_address: IPv4Address
    access: Rented | Own
    base: str
    firewall: str
    expectation: Mapping[str, Any]
    time_servers: Sequence[str]


@dataclass(frozen=True)
class FleetPlan:
    """All machines; `key_file` None means the SSH agent, `private_key` is that file's text."""

    machines: Mapping[str, MachinePlan]
    key_file: str | None
    private_key: SecretStr | None

    @cached_property
    def roles(self) -> Mapping[str, str]:
        """Machine name -> what it is, for people."""
        return {name: "rented" if isinstance(machine.access, Rented) else "own" for name, machine in self.machines.items()}


def plan(
    homelab: Homelab,
    packages: Sequence[str],
    needs: Mapping[str, Mapping[str, Any]] | None = None,
    opened: Mapping[str, Sequence[str]] | None = None,
) -> FleetPlan:
    """What the features ask for: `packages` on every machine; `needs`: machine -> what more its preflight expects; `opened`: own machine ->
    what it lets in from its LAN, as nft says it."""
    return FleetPlan(
        machines={
            name: _machine(homelab, name, said, packages, (needs or {}).get(name, {}), (opened or {}).get(name, ()))
            for name, said in homelab.machines.items()
        },
        key_file=str(homelab.operator.private_key_file) if homelab.operator.private_key_file else None,
        private_key=homelab.operator_key,
    )


def ssh_networks(homelab: Homelab, machine: Machine) -> list[str]:
    """From where SSH to this machine is open, besides the mesh devices."""
    if machine.lan is None:
        return ["0.0.0.0/0", "::/0"]
    near = [machine.lan.network, homelab.mesh.network, *homelab.operator.networks]
    # nft refuses a set of networks that overlap.
    return [str(network) for network in collapse_addresses(near)]


def _machine(
    homelab: Homelab, name: str, said: Machine, packages: Sequence[str], needs: Mapping[str, Any], opened: Sequence[str]
) -> MachinePlan:
    return MachinePlan(
        name=name,
        site=said.site,
        mesh_address=homelab.mesh.addresses[name],
        access=_rented(homelab, name, said) if said.vultr else _own(homelab, name, said),
        base=_base(homelab, name, packages),
        firewall=_firewall(homelab, name, said, opened),
        expectation={**_expectation(homelab, name, said), **needs},
        time_servers=[*map(str, homelab.names.time_servers)],
    )


def _rented(homelab: Homelab, name: str, said: Machine) -> Rented:
    assert said.vultr and homelab.operator.public_key, "components.machines.check refuses this"
    key = homelab.identities.host_key(name)
    return Rented(
        region=said.vultr.region,
        plan=said.vultr.plan,
        os_id=said.vultr.os_id,
        protect=said.vultr.protect,
        ipv6=said.vultr.ipv6,
        operator_key=homelab.operator.public_key,
        host_key=ssh_public(key.get_secret_value()),
        private_host_key=key,
    )


def _own(homelab: Homelab, name: str, said: Machine) -> Own:
    assert said.lan and said.ssh and said.ssh.host_key, "components.machines.check refuses this"
    host = said.lan.ip if homelab.operator.via == "lan" else homelab.mesh.addresses[name]
    return Own(str(host), said.ssh.user, said.ssh.port, said.ssh.host_key)


def _base(homelab: Homelab, name: str, packages: Sequence[str]) -> str:
    hosts = {str(homelab.mesh.addresses[other]): [f"{other}.{homelab.domain}", other] for other in homelab.machines}
    said = {
        "hostName": name,
        "domain": homelab.domain,
        "packages": sorted({*PACKAGES, *packages}),
        "hosts": hosts,
        "timeServers": [*map(str, homelab.names.time_servers)],
        "nameServers": [*map(str, homelab.names.name_servers)],
        # The engine opens a connection a step, many at once: the stock limit of 10 unauthenticated ones drops some of them.
        "authorizedKeys": [homelab.operator.public_key] if homelab.machines[name].rented else [],
        "sshd": {"/etc/ssh/sshd_config.d/50-homelab.conf": "# homelab\nMaxStartups 100:30:200\nMaxSessions 64\n"},
    }
    return json.dumps(said, sort_keys=True)


def _firewall(homelab: Homelab, name: str, said: Machine, opened: Sequence[str]) -> str:
    open_to = ssh_networks(homelab, said)
    rules = _public_rules() if said.lan is None else _lan_rules(said, open_to, opened)
    ruleset = render(
        "machines",
        "firewall.nft.j2",
        name=name,
        trusted=["lo", DEVICE, TUNNEL],
        overlays=OVERLAYS,
        pod_devices=PODS,
        mesh=homelab.mesh.network,
        address=homelab.mesh.addresses[name],
        pods=homelab.kubernetes.pods,
        inside=_inside(homelab, said),
        neighbours=[lan.ip for other in neighbours(homelab, name) if (lan := homelab.machines[other].lan)],
        port=PORT,
        rules=rules,
    )
    return json.dumps({"ruleset": ruleset, "ssh": open_to})


def _inside(homelab: Homelab, said: Machine) -> list[IPv4Network]:
    """Networks whose addresses nobody outside of mesh and cluster may name as destination: a machine that forwards for its pods forwards
    for everybody. In a LAN, paths to mesh addresses lead past the mesh; a provider's segment is full of strangers."""
    cluster = [homelab.kubernetes.pods, homelab.kubernetes.services]
    return cluster if said.lan else [homelab.mesh.network, *cluster]


def _public_rules() -> list[str]:
    return [f"{protocol} dport {port} accept" for protocol, port in PUBLIC_PORTS]


def _lan_rules(said: Machine, open_to: Sequence[str], opened: Sequence[str]) -> list[str]:
    assert said.lan and said.ssh
    near, everyone = said.lan.network, ", ".join(open_to)
    return [
        f"ip saddr {{ {everyone} }} tcp dport {{ {said.ssh.port}, {API_PORT} }} accept",
        f"ip saddr {near} tcp dport {PORT} accept",
        f"ip saddr {near} udp dport {PORT} accept",
        *(f"ip saddr {near} {what} accept" for what in opened),
    ]


def _expectation(homelab: Homelab, name: str, said: Machine) -> Mapping[str, Any]:
    return {
        "name": name,
        "rented": said.rented,
        "cpus": said.cpus,
        "memory": said.memory,
        "disks": [{"id": disk.id, "serial": disk.serial, "size": disk.size} for disk in said.disks],
        "mesh_address": str(homelab.mesh.addresses[name]),
        "lan_address": str(said.lan) if said.lan else None,
        "host_names": [*homelab.machines],
    }


def public_address(reserved: str, main: str) -> str:
    """The address of a rented machine: its reserved one. ValueError while the server does not really have it: Vultr answers 0.0.0.0
    for a server that is not ready, and an address handed on too early would end up in every file that names it."""
    if "0.0.0.0" in (reserved, main):
        raise ValueError("Vultr has not given the server its address yet (0.0.0.0): in a minute `pulumi refresh`, then run again")
    if reserved != main:
        raise ValueError(
            f"the server is at {main}, not at its reserved address {reserved}: attach that in Vultr's panel, `pulumi refresh`, run again"
        )
    return reserved
