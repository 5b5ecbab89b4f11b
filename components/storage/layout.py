"""Which machine runs what of Ceph. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from config.machines import Disk
from config.model import Homelab

MOST_MONITORS = 5
"""More only make agreement slower."""

PAIR = 2
"""One works, one stands by: managers, metadata servers, gateways."""


@dataclass(frozen=True)
class Layout:
    """Names of machines, in the fleet's order. `disks` has those that keep data."""

    monitors: Sequence[str]
    disallowed: Sequence[str]
    """Monitors that vote and never lead: across the Internet a leader would slow every decision."""
    managers: Sequence[str]
    metadata_servers: Sequence[str]
    gateways: Sequence[str]
    disks: Mapping[str, Sequence[Disk]]

    @property
    def hosts(self) -> Sequence[str]:
        """The machines that keep data."""
        return [*self.disks]

    @property
    def weights(self) -> Mapping[str, int]:
        """Machine -> bytes of all its disks."""
        return {name: sum(disk.size for disk in disks) for name, disks in self.disks.items()}


def layout(homelab: Homelab) -> Layout:
    """Empty when no file system is wanted."""
    if homelab.storage.filesystem is None:
        return Layout((), (), (), (), (), {})
    disks = {name: said.disks for name, said in homelab.machines.items() if said.disks and not said.rented}
    voters = monitors(homelab)
    pair = [*disks][:PAIR]
    return Layout(
        monitors=voters,
        disallowed=[name for name in voters if homelab.machines[name].rented],
        managers=pair,
        metadata_servers=pair,
        gateways=pair if homelab.storage.object else (),
        disks=disks,
    )


def monitors(homelab: Homelab) -> Sequence[str]:
    """Every machine, or in a large lab five: own ones, and a rented one to break ties when a home loses its uplink."""
    rented = [name for name, said in homelab.machines.items() if said.rented]
    own = [name for name in homelab.machines if name not in rented]
    chosen = {*own[: MOST_MONITORS - len(rented[:1])], *rented[:1]}
    rest = [name for name in homelab.machines if name not in chosen]
    chosen |= {*rest[: MOST_MONITORS - len(chosen)]}
    return [name for name in homelab.machines if name in chosen]


def safe(serial: str) -> str:
    """A serial in lower case, everything but letters and digits as '_'."""
    return re.sub(r"[^a-z0-9]", "_", serial.lower())
