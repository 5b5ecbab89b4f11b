"""Who may do what in the cluster: the users that the program makes, each with no more than it needs. Pure.

Facts: `fsname` in capabilities needs Ceph 16; the charts of ceph-csi name the ones for Kubernetes. A path confines what a user may name and
change, not what it could read object by object.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.storage.layout import Layout
from config.model import Homelab
from config.storage import Filesystem

KUBERNETES_FILES, KUBERNETES_BLOCK, BACKUPS = "kubernetes-filesystem", "kubernetes-block", "backups"
VOLUMES = "csi"
"""The subvolume group that holds persistent volumes: /volumes/csi."""


@dataclass(frozen=True)
class User:
    """`client.<name>`. `caps`: mon, mgr, mds, osd -> what is granted there. `folders`: what it mounts of the file system."""

    name: str
    caps: Mapping[str, str]
    folders: Sequence[str] = ()


def machine_user(machine: str) -> str:
    """The user by which a machine mounts the whole file system."""
    return f"machine.{machine}"


def mesh_user(client: str) -> str:
    """The user of a laptop."""
    return f"mesh.{client}"


def users(homelab: Homelab, roles: Layout) -> Mapping[str, User]:
    """All of them by name; none without a file system."""
    files, block = homelab.storage.filesystem, homelab.storage.block
    if files is None:
        return {}
    found = [_folders(machine_user(name), files, ("/",)) for name in roles.hosts]
    found += [_folders(mesh_user(name), files, [f"/{folder}" for folder in files.shared]) for name in homelab.mesh.clients if files.shared]
    if "backups" in files.directories:
        found.append(_folders(BACKUPS, files, ("/backups",)))
    found.append(_kubernetes_files(files))
    if block:
        caps = {"mon": "profile rbd", "mgr": f"profile rbd pool={block.name}", "osd": f"profile rbd pool={block.name}"}
        found.append(User(KUBERNETES_BLOCK, caps))
    return {user.name: user for user in found}


def _folders(name: str, files: Filesystem, folders: Sequence[str]) -> User:
    paths = [f"allow rw fsname={files.name}" + ("" if folder == "/" else f" path={folder}") for folder in folders]
    caps = {"mon": f"allow r fsname={files.name}", "mds": ", ".join(paths), "osd": f"allow rw tag cephfs data={files.name}"}
    return User(name, caps, tuple(folders))


def _kubernetes_files(files: Filesystem) -> User:
    name = files.name
    caps = {
        "mon": f"allow r fsname={name}",
        "mgr": "allow rw",
        "mds": f"allow r fsname={name} path=/volumes, allow rws fsname={name} path=/volumes/{VOLUMES}",
        "osd": f"allow rw tag cephfs metadata={name}, allow rw tag cephfs data={name}",
    }
    return User(KUBERNETES_FILES, caps)
