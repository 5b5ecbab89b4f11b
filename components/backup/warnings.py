"""What is allowed and still should be known, for the report and the preview. Pure."""

from collections.abc import Iterator, Sequence

from components.backup.place import DIRECTORY, among
from components.storage.plan import StoragePlan
from config.backup import subjects
from config.model import Homelab

OFF_SITE = (
    "ONE CephFS IS NOT OFF SITE: all backups lie on the disks of {hosts} at {sites}, beside what they are copies of. Fire, theft, "
    "lightning, a fault of Ceph or root's hand on one home machine takes both. Keep another copy elsewhere."
)


def warnings(homelab: Homelab, storage: StoragePlan, snapshotters: Sequence[str]) -> Sequence[str]:
    """A sentence or two each; of a configuration with backups."""
    return [
        *_one_place(homelab, storage),
        *_not_in(homelab, storage),
        *_quota(homelab),
        *_left_out(homelab),
        *_etcd(homelab, snapshotters),
        *_read(homelab),
    ]


def _one_place(homelab: Homelab, storage: StoragePlan) -> Iterator[str]:
    hosts = storage.roles.hosts
    sites = dict.fromkeys(homelab.machines[name].site for name in hosts)
    yield OFF_SITE.format(hosts=" and ".join(hosts), sites=" and ".join(sites))


def _not_in(homelab: Homelab, storage: StoragePlan) -> Iterator[str]:
    files = homelab.storage.filesystem
    others = [name for name in files.directories if name != DIRECTORY] if files else []
    if others:
        yield f"What lies on the shared file system itself ({', '.join(others)}) is in no backup: these are of the machines' own disks."


def _quota(homelab: Homelab) -> Iterator[str]:
    if homelab.backup.quota is None:
        yield "No quota: backups may fill the whole file system, and everything on it then stands still. Set homelab:backup.quota."


def _left_out(homelab: Homelab) -> Iterator[str]:
    stored = subjects(homelab.backup, homelab.machines)
    out = [name for name in (*homelab.machines, *homelab.mesh.clients) if name not in stored]
    if out:
        yield f"Not backed up: {', '.join(out)}."


def _etcd(homelab: Homelab, snapshotters: Sequence[str]) -> Iterator[str]:
    if homelab.kubernetes.kubespray and not snapshotters:
        yield "No own machine of the control plane has the shared file system: etcd's data is not copied to it."
    elif snapshotters and not homelab.kubernetes.encrypt_secrets:
        yield "etcd's snapshots hold the cluster's Secrets as they are, for root at home to read: homelab:kubernetes.encryptSecrets."


def _read(homelab: Homelab) -> Iterator[str]:
    """`check` refuses those that may write."""
    for name, said in homelab.applications.items():
        if paths := [mount.path for mount in said.mounts if among(mount.path)]:
            yield (
                f"{name} may read {', '.join(paths)}: the backups. Repositories are encrypted; etcd's snapshots with the cluster's keys, "
                "and the manifests with the name of every file, are not. Whoever breaks into it has them."
            )
