"""Names: which records the world needs, and what the own machines' name servers answer to LAN and mesh. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address
from typing import Any

from components.releases.hosts import HOME, PUBLIC, Host, doors, hosts, lan_addresses, mesh_addresses
from components.templates import render
from config.model import Homelab

PACKAGES = ("dnsmasq-base",)
"""The program alone: the package `dnsmasq` starts a service that takes port 53 of every address."""

PORT = 53
HOSTS_FILE = "/etc/homelab/hosts"
"""Where a client of the mesh finds its block for /etc/hosts."""


@dataclass(frozen=True)
class NamesPlan:
    """`public`: the names that the world finds, `home`: those that LAN and mesh find. `lan`: site -> addresses of its own machines.

    `servers`: own machine -> view (mesh, lan) -> the address that it answers at, and the addresses that it gives; no view where there is no
    name to answer for, so that what answered before is taken away.
    """

    domain: str
    dns: str
    make_zone: bool
    protect: bool
    public: Sequence[str]
    home: Sequence[str]
    entrances: Sequence[str]
    """The rented machines, at whose static addresses public names are."""
    mesh: Sequence[IPv4Address]
    lan: Mapping[str, Sequence[IPv4Address]]
    servers: Mapping[str, Mapping[str, tuple[IPv4Address, Sequence[IPv4Address]]]]

    @property
    def packages(self) -> Sequence[str]:
        """Of the distribution, on every machine."""
        return PACKAGES if any(self.servers.values()) else ()

    @property
    def lan_served(self) -> bool:
        """Whether own machines answer for the names in their LAN."""
        return any("lan" in views for views in self.servers.values())

    @cached_property
    def records(self) -> Mapping[str, str]:
        """Public name of this domain -> its name in the zone; the domain itself is an empty text."""
        ends = f".{self.domain}"
        return {name: "" if name == self.domain else name.removesuffix(ends) for name in self.public if f".{name}".endswith(ends)}

    @property
    def elsewhere(self) -> Sequence[str]:
        """Public names of other domains, which their owner has to enter."""
        return [name for name in self.public if name not in self.records]

    def server_document(self, machine: str) -> str:
        """`releases/names`, on an own machine: {"files": {name: text}}, a configuration for each view, named by it."""
        views = self.servers[machine]
        files = {f"{view}.conf": self._view(address, answers) for view, (address, answers) in views.items()}
        return json.dumps({"files": files}, sort_keys=True)

    def hosts_lines(self, addresses: Sequence[IPv4Address]) -> Sequence[str]:
        """For /etc/hosts, each address with all names at home."""
        return [f"{address} {' '.join(self.home)}" for address in addresses] if self.home else []

    def router_lines(self, addresses: Sequence[IPv4Address]) -> Sequence[str]:
        """For a dnsmasq in the LAN, a router's mostly: whom to ask for these names, or where they are if nobody answers for them there.

        Many routers take an answer with a private address for an attack, unless they are told.
        """
        what = "server" if self.lan_served else "address"
        trusted = [f"rebind-domain-ok=/{'/'.join(self.home)}/"] if self.lan_served and self.home else []
        return [*trusted, *(f"{what}=/{name}/{address}" for name in self.home for address in addresses)]

    def client_files(self) -> Mapping[str, str]:
        """What a laptop's bundle gains, by absolute path."""
        if not self.home:
            return {}
        return {HOSTS_FILE: "".join(f"{line}\n" for line in self.hosts_lines(self.mesh))}

    def document(self, addresses: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
        """For the stack's outputs. `addresses`: rented machine -> kind of record -> its public address, where it has one."""
        records = [
            {"name": name, "type": kind, "address": address, "made": self.dns == "vultr" and name in self.records}
            for name in self.public
            for known in addresses.values()
            for kind, address in known.items()
            if address
        ]
        lan = {site: {"hosts": [*self.hosts_lines(near)], "dnsmasq": [*self.router_lines(near)]} for site, near in self.lan.items()}
        return {"records": records, "lan": lan, "mesh": {"hosts": [*self.hosts_lines(self.mesh)]}} if self.public or self.home else {}

    def _view(self, address: IPv4Address, answers: Sequence[IPv4Address]) -> str:
        return render("releases", "names.conf.j2", address=address, port=PORT, names=self.home, answers=answers)


def plan(homelab: Homelab) -> NamesPlan:
    """Of a configuration with a cluster; without any entrance it is empty."""
    said = homelab.names
    known = hosts(homelab).values()
    home = _sorted([host for host in known if HOME in host.entrances])
    machines = doors(homelab, HOME)
    sites = dict.fromkeys(homelab.machines[name].site for name in machines)
    return NamesPlan(
        domain=homelab.domain,
        dns=said.dns,
        make_zone=said.zone == "made",
        protect=any(machine.vultr.protect for machine in homelab.machines.values() if machine.vultr),
        public=_sorted([host for host in known if host.public]),
        home=home,
        entrances=doors(homelab, PUBLIC),
        mesh=mesh_addresses(homelab) if home else (),
        lan={site: lan_addresses(homelab, site) for site in sites} if home else {},
        servers={name: _views(homelab, name) if home else {} for name, machine in homelab.machines.items() if not machine.rented},
    )


def _views(homelab: Homelab, name: str) -> Mapping[str, tuple[IPv4Address, Sequence[IPv4Address]]]:
    machine = homelab.machines[name]
    views = {"mesh": (homelab.mesh.addresses[name], mesh_addresses(homelab))}
    if machine.lan and homelab.names.lan_server:
        views["lan"] = (machine.lan.ip, lan_addresses(homelab, machine.site))
    return views


def _sorted(found: Sequence[Host]) -> Sequence[str]:
    return sorted({host.name for host in found})
