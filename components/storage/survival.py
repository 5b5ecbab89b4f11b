"""What goes on when something is gone. Pure.

Worst cases, not likelihoods: a placement group may lie on any hosts, so one that uses all that is broken is taken to exist.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from components.storage.layout import Layout
from components.storage.pools import Pool
from config.model import Homelab

Kind = Literal["machine", "disk", "uplink"]


@dataclass(frozen=True)
class Loss:
    """Something gone: a machine, a disk (`name` is its machine's: any one of them), the uplink of a site."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return {"machine": self.name, "disk": f"a disk of {self.name}", "uplink": f"the uplink of {self.name}"}[self.kind]


@dataclass(frozen=True)
class Cluster:
    """What counts for survival. `sites`: machine -> site, of all machines; `disks`: machine -> how many."""

    sites: Mapping[str, str]
    rented: Collection[str]
    roles: Layout
    disks: Mapping[str, int]
    copies: Sequence[tuple[int, int]]
    """Of each pool: size and min_size."""


@dataclass(frozen=True)
class Outcome:
    """`monitors`: those that agree; none: nothing works until something is back. `copies`: how many of each piece stay, at worst.
    `whole`: all of them. `lost`: some data has no copy on any disk. `heals`: the cluster makes missing copies anew, without a person."""

    losses: tuple[Loss, ...]
    monitors: tuple[str, ...]
    copies: int
    whole: bool
    works: bool
    files: bool
    objects: bool
    lost: bool
    heals: bool


def cluster(homelab: Homelab, roles: Layout, pools: Sequence[Pool]) -> Cluster:
    """Of a configuration."""
    return Cluster(
        sites={name: said.site for name, said in homelab.machines.items()},
        rented={name for name, said in homelab.machines.items() if said.rented},
        roles=roles,
        disks={name: len(disks) for name, disks in roles.disks.items()},
        copies=[(pool.size, pool.min_size) for pool in pools],
    )


def losses(lab: Cluster) -> list[Loss]:
    """Everything that can be lost at once: each machine, a disk of each, the uplink of each site with own machines."""
    uplinks = dict.fromkeys(site for name, site in lab.sites.items() if name not in lab.rented)
    return [
        *(Loss("machine", name) for name in lab.sites),
        *(Loss("disk", name) for name in lab.disks),
        *(Loss("uplink", site) for site in uplinks),
    ]


def single(lab: Cluster) -> list[Outcome]:
    """Of each loss alone."""
    return [survive(lab, [loss]) for loss in losses(lab)]


def double(lab: Cluster) -> list[Outcome]:
    """Of every two different losses together."""
    return [survive(lab, pair) for pair in combinations(losses(lab), 2)]


def survive(lab: Cluster, gone: Collection[Loss]) -> Outcome:
    """The state until something is repaired or healed."""
    side = _majority(lab, gone)
    broken = {loss.name for loss in gone if loss.kind == "disk"}
    bad = {name for name in lab.disks if name not in side or name in broken}
    left = min((max(0, size - len(bad)) for size, _ in lab.copies), default=0)
    works = bool(side) and all(size - len(bad) >= least for size, least in lab.copies)
    lost = any(len(broken) >= size for size, _ in lab.copies)
    able = [name for name in lab.disks if name in side and lab.disks[name] > (name in broken)]
    return Outcome(
        losses=tuple(gone),
        monitors=tuple(name for name in lab.roles.monitors if name in side),
        copies=left if side else 0,
        whole=bool(side) and not bad,
        works=works,
        files=works and any(name in side for name in lab.roles.metadata_servers),
        objects=works and any(name in side for name in lab.roles.gateways),
        lost=lost,
        heals=bool(side) and not lost and all(len(able) >= size for size, _ in lab.copies),
    )


def _majority(lab: Cluster, gone: Collection[Loss]) -> set[str]:
    """The machines that see each other and hold more than half of the monitors; empty when nobody does."""
    for group in _groups(lab, gone):
        if 2 * len(group & {*lab.roles.monitors}) > len(lab.roles.monitors):
            return group
    return set()


def _groups(lab: Cluster, gone: Collection[Loss]) -> list[set[str]]:
    """Who sees whom: machines of a site by their LAN, everyone else by way of a rented machine, which needs the site's uplink."""
    alive = [name for name in lab.sites if Loss("machine", name) not in gone]
    rented = {name for name in alive if name in lab.rented}
    online = {name for name in alive if name in rented or Loss("uplink", lab.sites[name]) not in gone}
    hub = online if rented else set()
    sites: dict[str, set[str]] = {}
    for name in alive:
        if name not in hub:
            sites.setdefault(lab.sites[name], set()).add(name)
    return [group for group in (hub, *sites.values()) if group]
