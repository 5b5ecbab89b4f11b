"""Pools and their placement groups. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from components.storage.capacity import shares
from components.storage.layout import Layout
from config.storage import Copies, Filesystem, Object, Storage

PER_OSD = 100
"""Placement groups that a disk should carry."""

MOST_PER_OSD = 250
"""Beyond this Ceph refuses to make pools (`mon_max_pg_per_osd`)."""

PARTS = {"filesystem": 4, "block": 2, "object": 1}
"""How placement groups are shared out among what is wanted."""

ZONE = "default"
"""The gateway's own name of its only zone; its pools are called after it."""

BOOKKEEPING = (".rgw.root", *(f"{ZONE}.rgw.{name}" for name in ("log", "control", "meta", "buckets.index", "buckets.non-ec")))


@dataclass(frozen=True)
class Pool:
    """`bulk`: where the data goes; the others hold what is said about it."""

    name: str
    application: Literal["cephfs", "rbd", "rgw"]
    pgs: int
    size: int
    min_size: int
    bulk: bool


def pools(storage: Storage, roles: Layout) -> Sequence[Pool]:
    """All pools that the program makes; the managers' own (one placement group) is not among them."""
    files, block, things = storage.filesystem, storage.block, storage.object
    if files is None:
        return ()
    found = [*_filesystem(files, wanted_pgs(storage, "filesystem", roles))]
    if block:
        found.append(_pool(block.name, "rbd", wanted_pgs(storage, "block", roles), block))
    if things:
        found += _object(things, wanted_pgs(storage, "object", roles))
    return found


def metadata_pool(filesystem: Filesystem) -> str:
    """The name that `ceph fs volume create` would give it."""
    return f"cephfs.{filesystem.name}.meta"


def data_pool(filesystem: Filesystem) -> str:
    """The name that `ceph fs volume create` would give it."""
    return f"cephfs.{filesystem.name}.data"


def wanted_pgs(storage: Storage, part: str, roles: Layout) -> int:
    """As configured, else this part's share of PER_OSD on the fullest disk, rounded down to a power of two, at least 8."""
    copies = topics(storage)[part]
    if copies.pgs:
        return copies.pgs
    room = PER_OSD / (_heaviest(roles, copies.replicas) or 1.0)
    share = room * PARTS[part] / sum(PARTS[name] for name in topics(storage))
    return max(8, 1 << int(share).bit_length() - 1) if share >= 1 else 8


def per_osd(found: Sequence[Pool], roles: Layout) -> float:
    """Placement groups on the disk that carries most."""
    return sum(pool.pgs * _heaviest(roles, pool.size) for pool in found)


def topics(storage: Storage) -> Mapping[str, Copies]:
    """What is wanted of filesystem, block and object."""
    said = {"filesystem": storage.filesystem, "block": storage.block, "object": storage.object}
    return {name: copies for name, copies in said.items() if copies}


def _heaviest(roles: Layout, replicas: int) -> float:
    """The part of a pool's placement groups that lie on the disk that carries most of them."""
    weights = roles.weights
    on_host = shares(weights, replicas)
    return max((on_host[name] * disk.size / weights[name] for name, disks in roles.disks.items() for disk in disks), default=0.0)


def _filesystem(said: Filesystem, pgs: int) -> Sequence[Pool]:
    return [
        _pool(metadata_pool(said), "cephfs", min(16, pgs), said, bulk=False),
        _pool(data_pool(said), "cephfs", pgs, said),
    ]


def _object(said: Object, pgs: int) -> Sequence[Pool]:
    small = [_pool(name, "rgw", min(8, pgs), said, bulk=False) for name in BOOKKEEPING]
    return [*small, _pool(f"{ZONE}.rgw.buckets.data", "rgw", pgs, said)]


def _pool(name: str, application: Literal["cephfs", "rbd", "rgw"], pgs: int, copies: Copies, bulk: bool = True) -> Pool:
    return Pool(name, application, pgs, copies.replicas, copies.min_replicas, bulk)
