"""How much data fits. Pure. Sizes in bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NEAR_FULL = 0.85
"""Where Ceph begins to warn; beyond, a lost disk finds no room to heal into."""


@dataclass(frozen=True)
class Capacity:
    """`usable`: of data, before Ceph warns. `unusable`: machine -> what can never hold a copy. `heals`: up to how much data the loss of
    any one disk is healed on the disks that stay, before Ceph warns; 0 when it never is."""

    raw: int
    usable: int
    unusable: Mapping[str, int]
    heals: int


def fits(weights: Sequence[int], replicas: int) -> float:
    """The most data that hosts of these sizes keep `replicas` times, each copy on another host; 0 with fewer hosts than copies.

    The `i` largest hosts may each be too large to be filled; then all others share what is left of the copies.
    """
    if len([weight for weight in weights if weight > 0]) < replicas:
        return 0.0
    ordered = sorted(weights)
    return min(sum(ordered[: len(ordered) - skipped]) / (replicas - skipped) for skipped in range(replicas))


def shares(weights: Mapping[str, int], replicas: int) -> Mapping[str, float]:
    """Host -> the part of all placement groups that have a copy on it, at most 1; together `replicas`. All 0 with too few hosts."""
    most = fits([*weights.values()], replicas)
    return {name: min(1.0, weight / most) if most else 0.0 for name, weight in weights.items()}


def capacity(disks: Mapping[str, Sequence[int]], replicas: int) -> Capacity:
    """Of hosts with disks of these sizes."""
    weights = {name: sum(sizes) for name, sizes in disks.items()}
    most = fits([*weights.values()], replicas)
    after = [_without(weights, name, max(sizes), replicas) for name, sizes in disks.items() if sizes]
    return Capacity(
        raw=sum(weights.values()),
        usable=int(most * NEAR_FULL),
        unusable={name: int(weight - most) for name, weight in weights.items() if most and weight > most},
        heals=int(min(after, default=0.0) * NEAR_FULL),
    )


def _without(weights: Mapping[str, int], host: str, disk: int, replicas: int) -> float:
    return fits([weight - disk if name == host else weight for name, weight in weights.items()], replicas)
