"""What the applications' configuration means, and where it contradicts itself. Pure but for reading the program's own charts."""

import re
from collections.abc import Iterator

from components.releases import charts
from components.releases.catalogue.application import kept, volume_name
from components.releases.catalogue.ingress import PORTS, READY_PORT
from components.releases.naming import PORT as NAMES_PORT
from components.storage.check import DAEMONS, TAKEN
from components.storage.layout import layout
from components.storage.memory import budget
from components.storage.units import gib
from config.applications import SECRETS, VARIABLE, Application
from config.explain import nearest
from config.model import Homelab
from config.problems import Problem

APPLICATIONS = "homelab:applications"
TAKEN_ON_MACHINES = {**TAKEN, NAMES_PORT: "the name server", READY_PORT: "nginx", 8472: "the pods' network"} | dict.fromkeys(PORTS, "nginx")
OF_OWN_CHARTS = {"chart", "values", "host", "public", "deadline"}
"""Keys that an application with a chart of one's own may have; all others are for the program's charts."""


def _workers(homelab: Homelab) -> list[str]:
    return [name for name, machine in homelab.machines.items() if not machine.rented]


def _ours(homelab: Homelab) -> Iterator[tuple[str, str, Application]]:
    """Path, name and what is said, of those by the program's own charts."""
    yield from ((f"{APPLICATIONS}.{name}", name, said) for name, said in homelab.applications.items() if said.chart is None)


def own_charts(homelab: Homelab) -> Iterator[Problem]:
    for name, said in homelab.applications.items():
        keys = {type(said).model_fields[field].alias or field for field in said.model_fields_set}
        for key in sorted(keys - OF_OWN_CHARTS) if said.chart else ():
            remedy = "write it into values, as that chart wants it, or take chart away"
            yield Problem(f"{APPLICATIONS}.{name}.{key}", "means nothing to a chart of your own", remedy)


def complete(homelab: Homelab) -> Iterator[Problem]:
    """What only plex and home-assistant have defaults for."""
    for path, _, said in _ours(homelab):
        if said.kind == "application":
            if said.image is None:
                yield Problem(f"{path}.image", "missing", "add it: repository:tag, or say of which kind it is: plex, home-assistant")
            if said.port is None:
                yield Problem(f"{path}.port", "missing", "add it: the port that its web page has in the container")
            if said.data and said.data.mount_path is None:
                yield Problem(f"{path}.data.mountPath", "missing", "add it: where the container keeps its data, for example /data")


def data(homelab: Homelab) -> Iterator[Problem]:
    volumes = {"files": homelab.volumes.files, "block": homelab.volumes.block}
    for path, _, said in _ours(homelab):
        if said.data is None:
            continue
        if bool(said.data.path) == bool(said.data.claim):
            what = "both a path and a claim" if said.data.path else "neither a path nor a claim"
            yield Problem(f"{path}.data", what, "give path: a folder of the file system, or claim: a volume of its own")
        if said.data.claim and not volumes[said.data.claim.class_]:
            kind = said.data.claim.class_
            yield Problem(
                f"{path}.data.claim", f"a claim that nothing fills: there are no volumes of class {kind}", f"add homelab:volumes.{kind}"
            )


def folders(homelab: Homelab) -> Iterator[Problem]:
    """Folders of the file system are there only below the directories that are made at its top."""
    files = homelab.storage.filesystem
    for path, _, said in _ours(homelab):
        named = [(f"{path}.data.path", said.data.path)] if said.data and said.data.path else []
        named += [(f"{path}.mounts[{index}].path", mount.path) for index, mount in enumerate(said.mounts)]
        for where, folder in named:
            top = folder.split("/")[0]
            if files is None:
                yield Problem(where, "a folder without a file system", "add homelab:storage.filesystem, or take it away")
            elif top not in files.directories:
                message = f"{top} is no directory of homelab:storage.filesystem"
                yield Problem(where, message, f"{nearest(top, files.directories)}; or add it there")


def shared(homelab: Homelab) -> Iterator[Problem]:
    """Two programs that write to one folder, each as if it were alone, destroy it."""
    seen: dict[str, str] = {}
    for path, name, said in _ours(homelab):
        folder = said.data.path if said.data else None
        if folder is None:
            continue
        for other, owner in seen.items():
            if f"{folder}/".startswith(f"{other}/") or f"{other}/".startswith(f"{folder}/"):
                message = f"{folder} and {other}, the data of {owner}, are one folder or lie in each other"
                yield Problem(f"{path}.data.path", message, "give each its own; what they share belongs into mounts")
        seen[folder] = name


def mounts(homelab: Homelab) -> Iterator[Problem]:
    for path, _, said in _ours(homelab):
        inside = [said.data.mount_path] if said.data and said.data.mount_path else []
        names: list[str] = []
        for index, mount in enumerate(said.mounts):
            where = f"{path}.mounts[{index}]"
            if mount.mount_path in inside:
                yield Problem(
                    f"{where}.mountPath", f"{mount.mount_path} is taken by another folder", "choose another place in the container"
                )
            if volume_name(mount) in names:
                yield Problem(f"{where}.path", f"{mount.path} is mounted twice, or differs in signs only", "keep one")
            inside.append(mount.mount_path)
            names.append(volume_name(mount))


def machines(homelab: Homelab) -> Iterator[Problem]:
    own, mounted = _workers(homelab), layout(homelab).hosts
    open_to_all = [name for name, machine in homelab.machines.items() if machine.works and not machine.repels]
    workers = [name for name in own if name in open_to_all]
    for path, _, said in _ours(homelab):
        needs = bool(said.mounts or (said.data and said.data.path)) and homelab.storage.filesystem is not None
        if said.machine and said.machine not in workers:
            there = "runs no applications: " + ("a taint repels them" if said.machine in own else "it is rented")
            what = there if said.machine in homelab.machines else "is no machine"
            yield Problem(f"{path}.machine", f"{said.machine} {what}", nearest(said.machine, workers))
        elif said.machine and needs and said.machine not in mounted:
            yield Problem(
                f"{path}.machine",
                f"{said.machine} has no disks for storage and so does not mount the file system",
                nearest(said.machine, mounted),
            )
        elif needs and not said.machine and (bare := [name for name in open_to_all if name not in mounted]):
            message = f"may start on {', '.join(bare)}, where the file system is not mounted"
            yield Problem(f"{path}.machine", message, f"add machine: {' or '.join(mounted)}; or keep its data by claim")


def ports(homelab: Homelab) -> Iterator[Problem]:
    """On a machine's own network ports are those of the machine."""
    seen: dict[int, tuple[str, str | None]] = {}
    for path, name, said in _ours(homelab):
        port = said.port or charts.read(f"{charts.OWN}/{said.kind}").values.get("port")
        if not said.host_network or not isinstance(port, int):
            continue
        owner = "Ceph's own daemons" if port in DAEMONS else TAKEN_ON_MACHINES.get(port)
        if owner:
            yield Problem(f"{path}.port", f"{port} is taken on every machine by {owner}", "choose another port, or take hostNetwork away")
        other, where = seen.setdefault(port, (name, said.machine))
        if other != name and (where is None or said.machine is None or where == said.machine):
            yield Problem(f"{path}.port", f"{port} is the port of {other} too, on the same machine's network", "choose another port")


def memory(homelab: Homelab) -> Iterator[Problem]:
    """What is kept for a pod must be there on some machine, or it never starts."""
    found = {name: room for name in _workers(homelab) if (room := budget(homelab, name))}
    for path, _, said in _ours(homelab):
        rooms = [room for name, room in found.items() if said.machine in (None, name)]
        if said.memory and rooms and kept(said.memory) > max(room.for_pods for room in rooms):
            best = max(rooms, key=lambda room: room.for_pods)
            message = f"half of {said.memory} is kept for it, and {best.machine} has {gib(best.for_pods)} for pods"
            yield Problem(f"{path}.memory", message, "write less, or let the machine keep less for others (`make plan` shows how)")


def secrets(homelab: Homelab) -> Iterator[Problem]:
    for name, hidden in homelab.application_secrets.items():
        path = f"homelab:{SECRETS}.{name}"
        said = homelab.applications.get(name)
        if said is None:
            yield Problem(path, "there is no such application", nearest(name, [*homelab.applications]))
            continue
        for variable in hidden:
            if not re.fullmatch(VARIABLE, variable):
                yield Problem(path, "one of its names is none of an environment variable", "use letters, digits and '_'")
            elif variable in said.environment:
                yield Problem(f"{path}.{variable}", f"stands in {APPLICATIONS}.{name}.environment too", "keep it here only")


RULES = (own_charts, complete, data, folders, shared, mounts, machines, ports, memory, secrets)
