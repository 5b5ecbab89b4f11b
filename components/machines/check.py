"""What the machines' configuration means, and where it contradicts itself. Pure."""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

from config.machines import Machine
from config.model import Homelab
from config.problems import Problem

T = TypeVar("T")
Named = tuple[str, Machine]
VOTES = "etcd decides by majority: an even number of members tolerates no more failures than one less"


def check(homelab: Homelab) -> list[Problem]:
    """Every contradiction among the machines, a rule after the other."""
    rules = (_kinds, _own, _rented, _some_own, _members, _sites, _lans, _twice, _labels)
    return [problem for rule in rules for problem in rule(homelab)]


def where(name: str, *rest: str) -> str:
    """The path of a machine's key, as the stack file has it."""
    return ".".join(("homelab:machines", name, *rest))


def _kinds(homelab: Homelab) -> Iterator[Problem]:
    for name, machine in homelab.machines.items():
        own = machine.lan is not None or machine.ssh is not None
        if machine.rented and own:
            yield Problem(where(name), "both rented (vultr) and own (lan, ssh)", "keep either vultr, or lan and ssh")
        elif not machine.rented and not own:
            yield Problem(where(name), "neither rented nor own", "give it lan and ssh, or vultr")


def _own(homelab: Homelab) -> Iterator[Problem]:
    for name, machine in _owned(homelab):
        if machine.lan is None:
            yield Problem(where(name, "lan"), "missing", "an own machine needs its address in the LAN, for example 192.168.1.10/24")
        elif machine.lan.ip in (machine.lan.network.network_address, machine.lan.network.broadcast_address):
            yield Problem(
                where(name, "lan"), f"{machine.lan.ip} is no host's address in {machine.lan.network}", "correct address or prefix"
            )
        if machine.ssh is None or machine.ssh.host_key is None:
            remedy = (
                f"`make discover HOST={machine.ssh.user if machine.ssh else 'root'}@{machine.lan.ip if machine.lan else name}` prints it"
            )
            yield Problem(where(name, "ssh.hostKey"), "no host key here or in operator.knownHostsFile", remedy)
        for key in ("cpus", "memory"):
            if getattr(machine, key) is None:
                yield Problem(where(name, key), "missing", "`make discover` on the machine prints it")


def _rented(homelab: Homelab) -> Iterator[Problem]:
    rented = [named for named in homelab.machines.items() if named[1].rented]
    if rented and homelab.operator.public_key is None:
        names = ", ".join(name for name, _ in rented)
        yield Problem("homelab:operator.publicKey", f"missing, and {names} must let somebody in", "give the SSH public key you log in with")
    for name, machine in rented:
        if machine.disks:
            yield Problem(where(name, "disks"), "a rented machine has no disks of its own", "list disks at own machines only")


def _some_own(homelab: Homelab) -> Iterator[Problem]:
    if not _owned(homelab):
        remedy = "add one with lan and ssh: a rented machine may vanish, so it cannot be the first node of the cluster"
        yield Problem("homelab:machines", "no own machine", remedy)


def _members(homelab: Homelab) -> Iterator[Problem]:
    members = [name for name, machine in homelab.machines.items() if machine.control_plane]
    workers = ", ".join(name for name in homelab.machines if name not in members)
    first = next((name for name, _ in _owned(homelab)), None)
    if homelab.machines and not members:
        remedy = f"take `controlPlane: false` away at {first or workers}"
        yield Problem("homelab:machines", "no machine is a member of etcd and of the control plane", remedy)
    elif first and first not in members:
        message = f"{first} is the first node of the cluster, being the own machine with the lowest mesh address"
        yield Problem(where(first, "controlPlane"), message, "take `controlPlane: false` away")
    elif members and len(members) % 2 == 0:
        others = [name for name in members if name != first]
        either = f"say `controlPlane: false` at {'one of ' if len(others) > 1 else ''}{', '.join(others)}"
        remedy = f"{either}, or {f'take it away at {workers}' if workers else 'add a machine'}"
        yield Problem("homelab:machines", f"{len(members)} members of etcd ({', '.join(members)}); {VOTES}", remedy)


def _sites(homelab: Homelab) -> Iterator[Problem]:
    first: dict[str, Named] = {}
    for name, machine in homelab.machines.items():
        other_name, other = first.setdefault(machine.site, (name, machine))
        if other.rented != machine.rented:
            message = f"{other_name} and {name} are both of site '{machine.site}', but only one of them is rented"
            yield Problem(where(name, "site"), message, "a site is a place with one LAN: give the rented machine a site of its own")
        elif other.lan and machine.lan and other.lan.network != machine.lan.network:
            message = (
                f"{other_name} ({other.lan.network}) and {name} ({machine.lan.network}) are of site '{machine.site}' but in two networks"
            )
            yield Problem(where(name, "lan"), message, "correct the prefixes, or give them two sites")


def _lans(homelab: Homelab) -> Iterator[Problem]:
    lans = {(machine.site, machine.lan.network): name for name, machine in _owned(homelab) if machine.lan}
    found = list(lans.items())
    for index, ((site, lan), name) in enumerate(found):
        for (other_site, other_lan), other_name in found[:index]:
            if site != other_site and lan.overlaps(other_lan):
                message = f"{other_name}'s LAN {other_lan} (site '{other_site}') and {name}'s LAN {lan} (site '{site}') overlap"
                yield Problem(where(name, "lan"), message, "renumber one of the two LANs")


def _twice(homelab: Homelab) -> Iterator[Problem]:
    owned = _owned(homelab)
    disks = [(where(name, f"disks[{i}]"), name, disk) for name, machine in owned for i, disk in enumerate(machine.disks)]
    addresses = [(where(name, "lan"), name, machine.lan.ip) for name, machine in owned if machine.lan]
    yield from _repeated("LAN address", addresses, lambda address: address, "give each machine its own")
    yield from _repeated("disk id", disks, lambda disk: disk.id, "a disk is in one machine: correct one of the two")
    yield from _repeated("serial number", disks, lambda disk: disk.serial, "each disk has its own: read it from the label")
    for name, machine in owned:
        bays = [(where(name, f"disks[{i}].bay"), f"{disk.id} of {name}", disk) for i, disk in enumerate(machine.disks) if disk.bay]
        yield from _repeated("bay", bays, lambda disk: disk.bay, "one disk a bay: correct one of the two")


def _repeated(what: str, items: Iterable[tuple[str, str, T]], key: Callable[[T], Hashable], remedy: str) -> Iterator[Problem]:
    first: dict[Hashable, str] = {}
    for path, owner, item in items:
        value = key(item)
        if value in first:
            yield Problem(path, f"the {what} {value} is used by both {first[value]} and {owner}", remedy)
        first.setdefault(value, owner)


def _labels(homelab: Homelab) -> Iterator[Problem]:
    for name, machine in homelab.machines.items():
        if "kubernetes.io/hostname" in machine.labels:
            yield Problem(where(name, "labels"), "the label kubernetes.io/hostname is the cluster's own", "take it away")
        keys = [(taint.key, taint.effect) for taint in machine.taints]
        for key, effect in dict.fromkeys(pair for pair in keys if keys.count(pair) > 1):
            yield Problem(where(name, "taints"), f"two taints {key} with the effect {effect}", "keep one of them")
    if homelab.machines and all(machine.repels for machine in homelab.machines.values()):
        yield Problem("homelab:machines", "every machine has a taint that repels work", "leave at least one own machine without")


def _owned(homelab: Homelab) -> list[Named]:
    return [(name, machine) for name, machine in homelab.machines.items() if not machine.rented and (machine.lan or machine.ssh)]
