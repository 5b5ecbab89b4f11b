"""What is allowed and still should be known, for the report and the preview. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from components.storage.capacity import Capacity
from components.storage.layout import Layout
from components.storage.memory import COMFORTABLE, HIGHEST, Budget
from components.storage.pools import topics
from components.storage.units import gib, tb
from config.model import Homelab


def warnings(homelab: Homelab, roles: Layout, budgets: Mapping[str, Budget], room: Capacity) -> Sequence[str]:
    """One sentence or two each; none without a file system."""
    if homelab.storage.filesystem is None:
        return []
    return [*_copies(homelab), *_memory(roles, budgets), *_unknown(homelab, budgets), *_room(roles, room), *_plain(homelab, roles)]


def _copies(homelab: Homelab) -> Iterator[str]:
    alone = [name for name, copies in topics(homelab.storage).items() if copies.min_replicas == 1]
    if alone:
        names = ", ".join(alone)
        yield (
            f"minReplicas 1 ({names}): while one machine is away, writes go on with a single copy; "
            "a disk that dies before the machine is back and healed takes those writes with it."
        )


def _memory(roles: Layout, budgets: Mapping[str, Budget]) -> Iterator[str]:
    for name in roles.hosts:
        found = budgets[name]
        if found.osd_target < COMFORTABLE:
            yield f"{name}: {gib(found.osd_target)} of memory for each disk's daemon, below {gib(COMFORTABLE)}: slow. {found.sum}"
        if found.per_terabyte < 1 and found.osd_target < HIGHEST:
            yield f"{name}: {found.per_terabyte:.2f} GiB of memory for each TB of disk, below 1: healing will be slow."


def _unknown(homelab: Homelab, budgets: Mapping[str, Budget]) -> Iterator[str]:
    for name in homelab.machines:
        if name not in budgets:
            yield f"{name}: its memory is not known (the plan's name does not tell it; set memory), so no sum was made."


def _room(roles: Layout, room: Capacity) -> Iterator[str]:
    for name, size in room.unusable.items():
        yield f"{name}: {tb(size)} of its {tb(roles.weights[name])} can never be used: the other machines have no room for the second copy."
    if not room.heals:
        yield "A lost disk cannot heal: no other disk of its machine could take what it held. Replace it at once when it fails."


def _plain(homelab: Homelab, roles: Layout) -> Iterator[str]:
    sites: dict[str, list[str]] = {}
    for name in roles.hosts:
        sites.setdefault(homelab.machines[name].site, []).append(name)
    for site, names in sites.items():
        if len(names) > 1 and homelab.mesh.lan_paths and not homelab.storage.secure:
            yield (
                f"Ceph's traffic between {' and '.join(names)} is plain on the LAN of {site}: whoever is on it can read along. "
                "storage.secure encrypts it."
            )
