"""Under which names applications are reached, from where, and by which machines. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from config.applications import Application
from config.model import Homelab

PUBLIC, HOME = "public", "home"
"""The two entrances, which are ingress classes: the rented machines, for the world; the own machines, for LAN and mesh."""


@dataclass(frozen=True)
class Host:
    """One name. `entrances`: by which it is reached; none: in the cluster only."""

    name: str
    application: str
    entrances: Sequence[str]

    @property
    def public(self) -> bool:
        """Whether the Internet reaches it."""
        return PUBLIC in self.entrances


def hosts(homelab: Homelab) -> Mapping[str, Host]:
    """Application -> its name; a chart of one's own has one only where one is written."""
    return {
        name: Host(host_of(homelab, name, said), name, entrances(homelab, said))
        for name, said in homelab.applications.items()
        if said.chart is None or said.host is not None
    }


def host_of(homelab: Homelab, name: str, said: Application) -> str:
    """A whole domain name; a single label is one of the lab's domain."""
    host = said.host or name
    return host if "." in host else f"{host}.{homelab.domain}"


def entrances(homelab: Homelab, said: Application) -> Sequence[str]:
    """The ingress classes by which an application is reached."""
    public, home = homelab.ingress.public and said.public, homelab.ingress.home
    return [*([PUBLIC] if public else []), *([HOME] if home else [])]


def doors(homelab: Homelab, entrance: str) -> Sequence[str]:
    """The machines that let requests in, of the cluster's; none where that entrance is not wanted."""
    wanted = homelab.ingress.public if entrance == PUBLIC else homelab.ingress.home
    return [name for name, machine in homelab.machines.items() if machine.rented == (entrance == PUBLIC)] if wanted else []


def mesh_addresses(homelab: Homelab) -> Sequence[IPv4Address]:
    """Where the mesh finds the applications."""
    return [homelab.mesh.addresses[name] for name in doors(homelab, HOME)]


def lan_addresses(homelab: Homelab, site: str) -> Sequence[IPv4Address]:
    """Where a site's LAN finds them: at its own machines."""
    found = [homelab.machines[name] for name in doors(homelab, HOME)]
    return [machine.lan.ip for machine in found if machine.site == site and machine.lan]
