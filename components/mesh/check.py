"""What the mesh's configuration means, and where it contradicts itself or the other networks. Pure."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations

from config.model import Homelab
from config.problems import Problem

RESERVED = {
    "no network": IPv4Network("0.0.0.0/8"),
    "this computer": IPv4Network("127.0.0.0/8"),
    "link-local addresses and cloud metadata": IPv4Network("169.254.0.0/16"),
    "multicast": IPv4Network("224.0.0.0/4"),
    "nobody yet": IPv4Network("240.0.0.0/4"),
}
ADDRESSES = "homelab:mesh.addresses"
CLIENTS = "homelab:mesh.clients"


def check(homelab: Homelab) -> list[Problem]:
    """Every contradiction of the mesh, a rule after the other."""
    rules = (_members, _names, _inside, _twice, _dialled, _overlaps)
    return [problem for rule in rules for problem in rule(homelab)]


def overlaps(networks: dict[str, tuple[str, IPv4Network]]) -> Iterator[Problem]:
    """Each pair of the named networks (path -> what it is, network) that share addresses, told at the later one."""
    for (_, (what, network)), (path, (other, later)) in combinations(networks.items(), 2):
        if network.overlaps(later):
            yield Problem(path, f"{other} {later} and {what} {network} overlap", "choose another network for one of the two")
    for path, (what, network) in networks.items():
        for use, reserved in RESERVED.items():
            if network.overlaps(reserved):
                yield Problem(path, f"{what} {network} and {reserved}, kept for {use}, overlap", "choose a network in 10.0.0.0/8")


def _members(homelab: Homelab) -> Iterator[Problem]:
    for name in homelab.machines:
        if name not in homelab.mesh.addresses:
            yield Problem(f"{ADDRESSES}.{name}", f"the machine {name} has no mesh address", f"add one in {homelab.mesh.network}")
    for name in homelab.mesh.addresses:
        if name not in homelab.machines:
            remedy = "take it away, or add the machine; laptops stand under clients"
            yield Problem(f"{ADDRESSES}.{name}", f"there is no machine {name} in homelab:machines", remedy)


def _names(homelab: Homelab) -> Iterator[Problem]:
    """Tinc's names have '_' for '-'; host names have no '_' of their own, so that names apart stay apart there."""
    for name in homelab.mesh.clients:
        if name in homelab.machines:
            yield Problem(f"{CLIENTS}.{name}", f"a machine and a client are both called {name}", "give the client another name")


def _inside(homelab: Homelab) -> Iterator[Problem]:
    network = homelab.mesh.network
    for path, name, address in _everybody(homelab):
        if address not in network:
            yield Problem(path, f"{name}'s address {address} is outside of the mesh {network}", "choose one inside")
        elif address in (network.network_address, network.broadcast_address) and network.prefixlen < 31:
            yield Problem(path, f"{name}'s address {address} is no host's address in {network}", "choose another one inside")


def _twice(homelab: Homelab) -> Iterator[Problem]:
    first: dict[IPv4Address, str] = {}
    for path, name, address in _everybody(homelab):
        if address in first:
            yield Problem(path, f"the mesh address {address} is used by both {first[address]} and {name}", "give each its own")
        first.setdefault(address, name)


def _dialled(homelab: Homelab) -> Iterator[Problem]:
    if any(machine.rented for machine in homelab.machines.values()):
        return
    sites = sorted({machine.site for machine in homelab.machines.values()})
    remedy = "add a rented machine (vultr): it has the public address that the others dial"
    if len(sites) > 1:
        yield Problem("homelab:machines", f"the sites {', '.join(sites)} have nobody to meet at", remedy)
    if homelab.mesh.clients:
        yield Problem(CLIENTS, f"{', '.join(homelab.mesh.clients)} have nobody to dial", remedy)


def _overlaps(homelab: Homelab) -> Iterator[Problem]:
    lans: dict[tuple[str, IPv4Network], str] = {}
    for name, machine in homelab.machines.items():
        if machine.lan:
            lans.setdefault((machine.site, machine.lan.network), name)
    own = {
        "homelab:mesh.network": ("the mesh", homelab.mesh.network),
        "homelab:kubernetes.pods": ("the pods' network", homelab.kubernetes.pods),
        "homelab:kubernetes.services": ("the services' network", homelab.kubernetes.services),
    }
    yield from overlaps(own)
    for (site, lan), name in lans.items():
        path = f"homelab:machines.{name}.lan"
        for what, network in own.values():
            if lan.overlaps(network):
                yield Problem(path, f"the LAN {lan} of site '{site}' ({name}) and {what} {network} overlap", f"move {what} elsewhere")
        yield from overlaps({path: (f"the LAN of site '{site}' ({name})", lan)})


def _everybody(homelab: Homelab) -> list[tuple[str, str, IPv4Address]]:
    machines = [(f"{ADDRESSES}.{name}", name, address) for name, address in homelab.mesh.addresses.items()]
    clients = [(f"{CLIENTS}.{name}.address", name, client.address) for name, client in homelab.mesh.clients.items()]
    return machines + clients
