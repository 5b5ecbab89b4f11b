"""homelab:storage: Ceph on the disks of the own machines. Without `filesystem` there is no Ceph."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from config.base import Model, wrong
from config.size import Size
from config.types import Text

Packages = Literal["distribution", "tentacle", "squid"]
Name = Annotated[Text, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Directory = Annotated[Text, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
GIB, MIB = 1024**3, 1024**2


def _power_of_two(value: int) -> int:
    if value & (value - 1):
        below = 1 << value.bit_length() - 1
        raise wrong(f"{value} is not a power of two", f"write {below} or {2 * below}: uneven placement groups fill disks unevenly")
    return value


PlacementGroups = Annotated[int, AfterValidator(_power_of_two), Field(ge=1, le=4096)]


class Copies(Model):
    """How often data is kept, each copy on another machine."""

    replicas: int = Field(2, ge=2, le=8, description="Copies, each on another machine")
    min_replicas: int = Field(
        2, ge=1, le=8, description="Copies below which reading and writing stop; 1 goes on with a single copy, and must be written"
    )
    pgs: PlacementGroups | None = Field(None, description="Placement groups of its data pool, a power of two; else by the disks")


class Filesystem(Copies):
    """CephFS."""

    name: Name = Field("archive", description="Its name; machines mount it at /srv/<name>")
    directories: tuple[Directory, ...] = Field(("apps", "media", "backups"), description="Directories at its top")
    shared: tuple[Directory, ...] = Field(("media",), description="Those that clients of the mesh (laptops) read and write")

    @property
    def mount_point(self) -> str:
        """Where machines mount it; a client has its folders below."""
        return f"/srv/{self.name}"


class Block(Copies):
    """Block devices (RBD)."""

    name: Name = Field("block", description="The name of the pool")


class Object(Copies):
    """The S3 gateway, on the mesh addresses of two own machines."""

    port: int = Field(7480, ge=1, le=65535, description="TCP port of the gateways")
    user: Name = Field("homelab", description="The user that is made at first")


class Memory(Model):
    """What a machine keeps for others before its disks' daemons share the rest. The same sum tells Kubernetes what is not for pods."""

    system: Size = Field(Size(GIB), description="Operating system, sshd, the mesh, page cache that must stay")
    control_plane: Size = Field(Size(1536 * MIB), description="Kubernetes: API server, etcd, kubelet, container runtime")
    monitor: Size = Field(Size(768 * MIB), description="A Ceph monitor")
    manager: Size = Field(Size(768 * MIB), description="A Ceph manager")
    metadata: Size = Field(Size(1280 * MIB), description="A metadata server of the file system; four fifths of it are its cache")
    gateway: Size = Field(Size(512 * MIB), description="An object gateway")
    pods: Size = Field(Size(2560 * MIB), description="Kept for pods on machines with disks; what the daemons leave comes on top")


def _memory() -> Memory:
    return Memory.model_validate({})


class Storage(Model):
    """Ceph, if there is a file system for it to carry."""

    packages: Packages = Field("distribution", description="Where Ceph comes from: distribution, or a release from download.ceph.com")
    filesystem: Filesystem | None = Field(None, description="The shared file system; without it there is no Ceph")
    block: Block | None = Field(None, description="Block devices for single machines and pods; without it there are none")
    object: Object | None = Field(None, description="Object storage (S3); without it there is no gateway")
    memory: Memory = Field(default_factory=_memory, description="What is kept for others on each machine")
    secure: bool = Field(False, description="Whether Ceph encrypts its own traffic, which may cross the LAN outside of the tunnel")
