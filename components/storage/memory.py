"""How each machine's memory is shared out. Pure. Sizes in bytes."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.storage.layout import Layout, layout
from components.storage.units import gib
from config.model import Homelab
from config.size import Size

MIB, GIB = 1024**2, 1024**3
LOWEST, HIGHEST = GIB, 4 * GIB
"""What one OSD may be given: below, Ceph thrashes; above, it gains little."""

COMFORTABLE = 2 * GIB


@dataclass(frozen=True)
class Budget:
    """One machine. `kept` is what has its share before the disks: role -> bytes; `pods` is among them where there are disks."""

    machine: str
    memory: int
    kept: Mapping[str, int]
    disks: int
    bytes_on_disks: int

    @property
    def left(self) -> int:
        """What is left after everything kept; below 0 when that is too much."""
        return self.memory - sum(self.kept.values())

    @property
    def share(self) -> int:
        """What is left for each disk, as it comes out; 0 without disks."""
        return self.left // self.disks if self.disks else 0

    @property
    def osd_target(self) -> int:
        """`osd_memory_target` of each disk: the share within bounds, whole MiB; 0 without disks."""
        return max(LOWEST, min(HIGHEST, self.share)) // MIB * MIB if self.disks else 0

    @property
    def system_reserved(self) -> Size:
        """Everything that is not for pods: the kubelet's `systemReserved` and `kubeReserved` together."""
        return Size(sum(size for role, size in self.kept.items() if role != "pods") + self.disks * self.osd_target)

    @property
    def for_pods(self) -> int:
        """What pods may use."""
        return self.memory - self.system_reserved

    @property
    def per_terabyte(self) -> float:
        """GiB of the OSDs' memory for each TB of their disks; 0 without disks."""
        return self.disks * self.osd_target / GIB / (self.bytes_on_disks / 1000**4) if self.bytes_on_disks else 0.0

    @property
    def sum(self) -> str:
        """The calculation in one line."""
        parts = " - ".join([gib(self.memory), *(f"{role} {gib(size)}" for role, size in self.kept.items())])
        each = f" for {self.disks} disk{'s' if self.disks > 1 else ''}, {gib(self.share)} each" if self.disks else ""
        return f"{parts} = {gib(self.left)}{each}"


def budget(homelab: Homelab, name: str, roles: Layout | None = None) -> Budget | None:
    """The machine's budget, with or without storage; None while its memory is not known (a Vultr plan whose name does not say it)."""
    said, keep, roles = homelab.machines[name], homelab.storage.memory, roles or layout(homelab)
    if said.memory is None:
        return None
    disks = roles.disks.get(name, ())
    shares = {
        "system": (True, keep.system),
        "control plane": (said.control_plane, keep.control_plane),
        "monitor": (name in roles.monitors, keep.monitor),
        "manager": (name in roles.managers, keep.manager),
        "metadata": (name in roles.metadata_servers, keep.metadata),
        "gateway": (name in roles.gateways, keep.gateway),
        "pods": (bool(disks), keep.pods),
    }
    kept = {role: int(size) for role, (here, size) in shares.items() if here}
    return Budget(name, int(said.memory), kept, len(disks), sum(disk.size for disk in disks))
