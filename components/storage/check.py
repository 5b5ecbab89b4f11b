"""What the storage's configuration means, and where it cannot or should not be. Pure."""

from collections.abc import Iterator

from components.storage.layout import Layout, layout, safe
from components.storage.memory import LOWEST, MIB, budget
from components.storage.packages import SOURCES
from components.storage.pools import MOST_PER_OSD, per_osd, pools, topics
from components.storage.units import gib
from config.model import Homelab
from config.problems import Problem
from config.size import Size

STORAGE = "homelab:storage"
TAKEN = {22: "SSH", 80: "the web", 443: "the web", 655: "Tinc", 2379: "etcd", 2380: "etcd", 3300: "Ceph's monitors", 6443: "Kubernetes"}
TAKEN |= {6789: "Ceph's monitors", 8443: "Ceph's dashboard", 9283: "Ceph's metrics", 10250: "Kubernetes"}
DAEMONS = range(6800, 7300)
SMALLEST = Size(4 * 1000**3)
LEAST_MONITOR = 512 * MIB


def check(homelab: Homelab) -> list[Problem]:
    """Every contradiction and every danger of the storage, a rule after the other."""
    if homelab.storage.filesystem is None:
        return [*_without(homelab)]
    roles = layout(homelab)
    rules = (_monitors, _hosts, _least, _names, _ports, _disks, _serials, _memory, _packages, _groups)
    return [problem for rule in rules for problem in rule(homelab, roles)]


def _without(homelab: Homelab) -> Iterator[Problem]:
    for name in topics(homelab.storage):
        remedy = "add filesystem (`filesystem: {}` takes the defaults): the cluster is built around it"
        yield Problem(f"{STORAGE}.{name}", f"{name} storage without a file system", remedy)


def _monitors(homelab: Homelab, roles: Layout) -> Iterator[Problem]:
    if len(roles.monitors) < 3:
        names = ", ".join(roles.monitors)
        message = f"{len(roles.monitors)} of the 3 monitors that Ceph needs ({names}): with fewer, one machine away stops everything"
        yield Problem("homelab:machines", message, "have three machines; the third may be a small rented one")


def _hosts(homelab: Homelab, roles: Layout) -> Iterator[Problem]:
    for name, copies in topics(homelab.storage).items():
        if copies.replicas > len(roles.hosts):
            owners = ", ".join(roles.hosts) or "none"
            message = f"{copies.replicas} copies, each on another machine, but own machines with disks are: {owners}"
            remedy = (
                "list disks at more machines"
                if len(roles.hosts) < 2
                else f"write replicas: {len(roles.hosts)}, or add a machine with disks"
            )
            yield Problem(f"{STORAGE}.{name}.replicas", message, remedy)


def _least(homelab: Homelab, roles: Layout) -> Iterator[Problem]:
    for name, copies in topics(homelab.storage).items():
        if copies.min_replicas > copies.replicas:
            message = f"needs {copies.min_replicas} copies to work, and {copies.replicas} are kept: it would never work"
            yield Problem(f"{STORAGE}.{name}.minReplicas", message, f"write at most {copies.replicas}")


def _names(homelab: Homelab, roles: Layout) -> Iterator[Problem]:
    files = homelab.storage.filesystem
    assert files
    for name in dict.fromkeys(name for name in files.directories if files.directories.count(name) > 1):
        yield Problem(f"{STORAGE}.filesystem.directories", f"{name} stands there twice", "keep one")
    if "volumes" in files.directories:
        message = "volumes is where persistent volumes are"
        yield Problem(f"{STORAGE}.filesystem.directories", message, "give that directory another name")
    for name in files.shared:
        if name not in files.directories:
            known = ", ".join(files.directories)
            yield Problem(f"{STORAGE}.filesystem.shared", f"{name} is none of the directories ({known})", "add it there, or take it away")


def _ports(homelab: Homelab, roles: Layout) -> Iterator[Problem]:
    things = homelab.storage.object
    used = things and ("Ceph's own daemons" if things.port in DAEMONS else TAKEN.get(things.port))
    if things and used:
        yield Problem(f"{STORAGE}.object.port", f"the port {things.port} is taken by {used}", "7480 is the usual one")


def _disks(homelab: Homelab, roles: Layout) -> Iterator[Problem]:
    for name, disks in roles.disks.items():
        for index, disk in enumerate(disks):
            if disk.size < SMALLEST:
                message = f"{disk.id} has {disk.size}, and Ceph needs {SMALLEST} for its own bookkeeping"
                yield Problem(f"homelab:machines.{name}.disks[{index}].size", message, "take it off the list")


def _serials(homelab: Homelab, roles: Layout) -> Iterator[Problem]:
    """Resources are named by serials, in letters, digits and '_' only."""
    first: dict[str, str] = {}
    for name, disks in roles.disks.items():
        for index, disk in enumerate(disks):
            other = first.setdefault(safe(disk.serial), disk.serial)
            if other != disk.serial:
                message = f"the serial numbers {other} and {disk.serial} differ in capitals or signs only"
                remedy = "only one of the two disks can be used: take the other off the list"
                yield Problem(f"homelab:machines.{name}.disks[{index}].serial", message, remedy)


def _memory(homelab: Homelab, roles: Layout) -> Iterator[Problem]:
    keep = homelab.storage.memory
    if keep.monitor < LEAST_MONITOR:
        yield Problem(f"{STORAGE}.memory.monitor", f"{keep.monitor} is too little for a monitor", f"write at least {Size(LEAST_MONITOR)}")
    for name, said in homelab.machines.items():
        found = budget(homelab, name, roles)
        if said.memory is None or found is None:
            continue
        path = f"homelab:machines.{name}.memory"
        if found.disks and found.share < LOWEST:
            message = f"not enough for its disks, which need {gib(LOWEST)} each: {found.sum}"
            yield Problem(path, message, "add memory, list fewer disks, or keep less for others (homelab:storage.memory)")
        elif found.left < 0:
            message = f"not enough for what runs there: {found.sum}"
            yield Problem(path, message, "take a larger machine, or keep less for others (homelab:storage.memory)")


def _packages(homelab: Homelab, roles: Layout) -> Iterator[Problem]:
    """Of own machines the system is known only when they are met; preflight looks at it then."""
    source = SOURCES[homelab.storage.packages]
    images = {name: homelab.machines[name].vultr for name in roles.monitors}
    found = {name: said.image for name, said in images.items() if said}
    for name, image in found.items():
        if image not in source.versions:
            known = ", ".join(source.versions)
            message = f"{image} has no Ceph that works from '{source.name}'"
            yield Problem(f"homelab:machines.{name}.vultr.image", message, f"take one of {known}; a change means another machine")
    versions = {source.versions[image]: name for name, image in found.items() if image in source.versions}
    if len(versions) > 1:
        mixed = " and ".join(f"{version} on {name}" for version, name in versions.items())
        remedy = "give the rented machines one image, or take packages: tentacle"
        yield Problem(f"{STORAGE}.packages", f"'{source.name}' would mix versions of Ceph: {mixed}", remedy)


def _groups(homelab: Homelab, roles: Layout) -> Iterator[Problem]:
    found = per_osd(pools(homelab.storage, roles), roles)
    if found > MOST_PER_OSD:
        sums = ", ".join(f"{pool.name} {pool.pgs} x {pool.size}" for pool in pools(homelab.storage, roles) if pool.bulk)
        message = f"about {found:.0f} placement groups on the fullest disk, and Ceph takes at most {MOST_PER_OSD}: {sums}"
        yield Problem(STORAGE, message, "write smaller pgs, or leave them out")
