"""The mesh: addresses, links, MTU and the files of every member. Pure: live values come in as plain arguments.

Addresses and device (`mesh0`) belong to this plan and not to Tinc, so that another backend can carry the same network later. Facts about
Tinc 1.0: docs/facts/tinc.md.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network

from pydantic import SecretStr

from components.remote.toolbox import ROOT, scripts
from components.templates import render
from config.mesh import Client
from config.model import Homelab

DEVICE = "mesh0"
"""Carries the mesh address from boot on, whatever the backend does. Consumers name this device."""

TUNNEL = "tinc0"
"""Tinc's own device: only the route to the mesh network."""

NETWORK = "homelab"
"""Tinc's name of the network: /etc/tinc/homelab, tinc@homelab.service."""

PORT = 655
PACKAGES = ("tinc",)

MTU = 1400
OVERHEAD = 63
"""Bytes that a mesh packet costs on the way: IP 20, UDP 8, Tinc's sequence number 4, cipher padding up to 16, digest 16 - rounded up to
what Tinc 1.0 finds itself on a 1500 path (1437)."""


@dataclass(frozen=True)
class Member:
    """A machine in the mesh. `dials` names the members it opens connections to; `lan` is known to members of the same site only."""

    name: str
    site: str
    address: IPv4Address
    lan: IPv4Address | None
    rented: bool
    dials: Sequence[str]
    private_key: SecretStr | None
    """Of a rented machine, from the identities: it survives a rebuilt server. Every other private key stays on its machine."""
    neighbours: Sequence[str] = ()
    """The members in the same LAN, to which a LAN path is kept beside the tunnel."""


@dataclass(frozen=True)
class MeshPlan:
    """The whole mesh. A `key` is a public key as PEM text, an `endpoint` a literal public address; both are known only live."""

    network: IPv4Network
    mtu: int
    members: Mapping[str, Member]
    clients: Mapping[str, Client]

    @cached_property
    def dialled(self) -> list[str]:
        """The members that everybody can reach from anywhere."""
        return [member.name for member in self.members.values() if member.rented]

    def peers(self, name: str) -> list[Member]:
        """All members but this one."""
        return [member for member in self.members.values() if member.name != name]

    def member_document(self, name: str, keys: Mapping[str, str], endpoints: Mapping[str, str]) -> str:
        """What `mesh/join` reads on a machine: the whole desired state."""
        me = self.members[name]
        return self._document(name, me.address, me.dials, {**keys, **self._client_keys}, endpoints, me.site)

    def lan_path_document(self, name: str, macs: Mapping[str, str]) -> str:
        """What `mesh/lan-path apply` reads on a machine with a LAN address; without neighbours it takes LAN paths away."""
        me = self.members[name]
        assert me.lan, "only machines in a LAN have LAN paths"
        said = {
            "address": str(me.address),
            "network": str(self.network),
            "mtu": self.mtu,
            "lan": str(me.lan),
            "tunnel": TUNNEL,
            "neighbours": {other: {"address": str(self.members[other].address), "mac": macs[other].strip()} for other in me.neighbours},
        }
        return json.dumps(said, sort_keys=True)

    @cached_property
    def warnings(self) -> list[str]:
        """What the operator trusts without being asked, one sentence for each site."""
        sites: dict[str, list[str]] = {}
        for member in self.members.values():
            if member.neighbours:
                sites.setdefault(member.site, []).append(member.name)
        return [
            f"what {', '.join(names)} say to each other over the mesh goes over the LAN of site '{site}', where nothing encrypts it; "
            "homelab:mesh.lanPaths: false keeps it in the tunnel, which is many times slower"
            for site, names in sites.items()
        ]

    def client_document(self, name: str, keys: Mapping[str, str], endpoints: Mapping[str, str]) -> str:
        """The same for a client, which dials the rented machines and knows no LAN."""
        return self._document(name, self.clients[name].address, self.dialled, {**keys, **self._client_keys}, endpoints, None)

    @property
    def _client_keys(self) -> Mapping[str, str]:
        return {name: client.public_key for name, client in self.clients.items()}

    def _document(
        self, me: str, address: IPv4Address, dials: Sequence[str], keys: Mapping[str, str], endpoints: Mapping[str, str], site: str | None
    ) -> str:
        addresses = {**{m.name: m.address for m in self.members.values()}, **{n: c.address for n, c in self.clients.items()}}
        hosts = {
            f"hosts/{tinc_name(name)}": render(
                "mesh", "host.j2", endpoint=self._endpoint(name, endpoints, site), subnet=addresses[name], key=keys[name].strip()
            )
            for name in addresses
        }
        conf = render("mesh", "tinc.conf.j2", name=tinc_name(me), device=TUNNEL, dials=sorted(map(tinc_name, dials)))
        said = {
            "device": DEVICE,
            "tunnel": TUNNEL,
            "address": str(address),
            "network": str(self.network),
            "mtu": self.mtu,
            "files": {"tinc.conf": conf, **hosts},
        }
        return json.dumps(said, sort_keys=True)

    def _endpoint(self, name: str, endpoints: Mapping[str, str], site: str | None) -> str | None:
        """Where `name` is dialled by someone of `site`: over the LAN by its neighbours, at its public address by all others."""
        member = self.members.get(name)
        if member and member.lan and member.site == site:
            return str(member.lan)
        return endpoints.get(name)


def plan(homelab: Homelab) -> MeshPlan:
    return MeshPlan(
        network=homelab.mesh.network,
        mtu=mesh_mtu(homelab.mesh.underlay_mtu),
        members={name: _member(homelab, name) for name in homelab.machines},
        clients=homelab.mesh.clients,
    )


def mesh_mtu(underlay: int) -> int:
    """The MTU of the mesh on a path that carries packets of `underlay` bytes: 1400 where it fits, else what is left, a multiple of 4."""
    return min(MTU, (underlay - OVERHEAD) // 4 * 4)


def tinc_name(name: str) -> str:
    """Tinc allows letters, digits and underscores only."""
    return name.replace("-", "_")


def dials(homelab: Homelab, name: str) -> list[str]:
    """Whom a machine connects to: every rented machine, and its own site, so that home stays together when the uplink is gone."""
    me = homelab.machines[name]
    return [
        other
        for other, said in homelab.machines.items()
        if other != name and (said.rented or (said.lan and me.lan and said.site == me.site))
    ]


def neighbours(homelab: Homelab, name: str) -> list[str]:
    """The machines of its site whose LAN addresses are in its own LAN, unless LAN paths are switched off."""
    me = homelab.machines[name]
    if not homelab.mesh.lan_paths:
        return []
    return [
        other
        for other, said in homelab.machines.items()
        if other != name and said.site == me.site and said.lan and me.lan and said.lan.network == me.lan.network
    ]


def _member(homelab: Homelab, name: str) -> Member:
    said = homelab.machines[name]
    return Member(
        name=name,
        site=said.site,
        address=homelab.mesh.addresses[name],
        lan=said.lan.ip if said.lan else None,
        rented=said.rented,
        dials=dials(homelab, name),
        private_key=homelab.identities.mesh_key(name) if said.rented else None,
        neighbours=neighbours(homelab, name),
    )


def bundle(document: str) -> dict[str, str]:
    """The files of a client by absolute path: its membership, and the scripts of the mesh, which are the machines' own."""
    ours = {f"{ROOT}/{name}": text.decode() for name, text in scripts().items() if name.startswith(("mesh/", "remote/"))}
    return {**ours, "/etc/homelab/mesh.json": document}
