"""What the backups' configuration means, and where it contradicts itself. Pure."""

from collections.abc import Iterator

from components.backup.place import DIRECTORY, among
from components.backup.plan import SNAPSHOTS
from components.storage.capacity import capacity
from components.storage.layout import layout
from components.storage.units import tb
from config.backup import subjects
from config.model import Homelab
from config.problems import Problem
from config.size import Size

BACKUP = "homelab:backup"
SMALLEST = Size(1000**3)
TOO_OLD = "ubuntu-22.04"
"""Its Borgmatic (1.5) is older than what `backup/packages` takes."""


def check(homelab: Homelab) -> list[Problem]:
    """Every contradiction, a rule after the other."""
    if homelab.backup.schedule is None:
        return [*_without(homelab)]
    rules = (_place, _machines, _clients, _keep, _quota, _images, _applications)
    return [problem for rule in rules for problem in rule(homelab)]


def _without(homelab: Homelab) -> Iterator[Problem]:
    """Whatever else is said, nobody would be backed up: better to be told than to find out."""
    for key in sorted(homelab.backup.model_fields_set):
        if key != "schedule":
            yield Problem(f"{BACKUP}.{key}", f"{key} without schedule: there are no backups", "add `schedule: {}` for the usual time")


def _place(homelab: Homelab) -> Iterator[Problem]:
    files = homelab.storage.filesystem
    if files is None:
        remedy = "add filesystem under homelab:storage, or take the schedule away"
        yield Problem(f"{BACKUP}.schedule", "backups without a shared file system to keep them on", remedy)
    elif DIRECTORY not in files.directories:
        known = ", ".join(files.directories)
        yield Problem("homelab:storage.filesystem.directories", f"{DIRECTORY} is none of them ({known}), and backups go there", "add it")
    elif DIRECTORY in files.shared:
        message = f"{DIRECTORY} is shared: every laptop could delete all backups"
        yield Problem("homelab:storage.filesystem.shared", message, "take it away: laptops are backed up by SSH")


def _machines(homelab: Homelab) -> Iterator[Problem]:
    for name in homelab.backup.machines or ():
        if name not in homelab.machines:
            known = ", ".join(homelab.machines)
            yield Problem(f"{BACKUP}.machines", f"there is no machine {name}", f"choose from {known}, or leave machines out for all")
    if SNAPSHOTS in subjects(homelab.backup, homelab.machines):
        message = f"{SNAPSHOTS} is where the cluster's snapshots are, beside the machines' repositories"
        yield Problem("homelab:machines", message, "give that machine another name")


def _clients(homelab: Homelab) -> Iterator[Problem]:
    for name in homelab.backup.clients:
        client = homelab.mesh.clients.get(name)
        if client is None:
            known = ", ".join(homelab.mesh.clients) or "none"
            yield Problem(f"{BACKUP}.clients", f"there is no client {name} in the mesh", f"there are: {known}; machines are named apart")
        elif client.backup_key is None:
            remedy = "`homelab-client key` on it prints the line to put there"
            yield Problem(f"homelab:mesh.clients.{name}.backupKey", f"missing, and {name} is to be backed up", remedy)


def _keep(homelab: Homelab) -> Iterator[Problem]:
    if not any(number for _, number in homelab.backup.keep):
        yield Problem(f"{BACKUP}.keep", "no archive would stay", "give at least one of daily, weekly, monthly, yearly")


def _quota(homelab: Homelab) -> Iterator[Problem]:
    quota, files = homelab.backup.quota, homelab.storage.filesystem
    if quota is None or files is None:
        return
    if quota < SMALLEST:
        yield Problem(f"{BACKUP}.quota", f"{quota} holds not even one machine", "write at least 1GB")
    disks = {name: [disk.size for disk in found] for name, found in layout(homelab).disks.items()}
    room = capacity(disks, files.replicas).usable
    if disks and quota > room:
        yield Problem(f"{BACKUP}.quota", f"{quota} is more than the storage has room for, {tb(room)}", "write less")


def _images(homelab: Homelab) -> Iterator[Problem]:
    for name in subjects(homelab.backup, homelab.machines):
        said = homelab.machines.get(name)
        if said and said.vultr and said.vultr.image == TOO_OLD:
            remedy = "take another image (a change means another machine), or name the others under homelab:backup.machines"
            yield Problem(f"homelab:machines.{name}.vultr.image", f"{TOO_OLD} has a Borgmatic that is too old", remedy)


def _applications(homelab: Homelab) -> Iterator[Problem]:
    """A pod is root before it becomes anybody, and what is its data is given to it with all that lies below."""
    for name, said in homelab.applications.items():
        path, there = f"homelab:applications.{name}", "is where all backups are"
        if said.data and said.data.path and among(said.data.path):
            message = f"{said.data.path} {there}: they would be given to this application"
            yield Problem(f"{path}.data.path", message, f"give it a folder of its own, for example apps/{name}")
        for index, mount in enumerate(said.mounts):
            if among(mount.path) and not mount.read_only:
                message = f"{mount.path} {there}: this application could delete them"
                yield Problem(f"{path}.mounts[{index}].path", message, "mount another folder, or take readOnly: false away")
