"""The storage as people read it: tables for `make plan`, a small document for the stack's outputs. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from tabulate import tabulate

from components.storage.memory import Budget
from components.storage.plan import StoragePlan
from components.storage.survival import Outcome, double, single
from components.storage.units import gib, tb

MOST_PAIRS = 12
MOST_LOSSES = 24
"""In a larger lab pairs are too many to be read, or worked out while someone waits."""


def text(plan: StoragePlan) -> str:
    """Tables: who runs what, memory, pools, room, what survives; then warnings. Empty without Ceph."""
    if not plan.enabled:
        return ""
    parts = [_head(plan), _roles(plan), _memory(plan), _pools(plan), _room(plan), _survival(plan), _warnings(plan)]
    return "\n\n".join(part for part in parts if part)


def document(plan: StoragePlan) -> dict[str, Any]:
    """The same for the stack's outputs, plain values only; empty without Ceph."""
    if not plan.enabled:
        return {}
    return {
        "filesystem": plan.mount_point,
        "monitors": [str(plan.addresses[name]) for name in plan.roles.monitors],
        "disks": {name: [osd.serial for osd in plan.disks_of(name)] for name in plan.roles.hosts},
        "room": {
            "raw": tb(plan.capacity.raw),
            "usable": tb(plan.capacity.usable),
            "healsBelow": tb(plan.capacity.heals),
            "unusable": {name: tb(size) for name, size in plan.capacity.unusable.items()},
        },
        "memory": {name: budget.sum for name, budget in plan.budgets.items()},
        "without": {_losses(outcome): effect(outcome) for outcome in single(plan.cluster)},
        "warnings": [*plan.warnings],
    }


def effect(outcome: Outcome) -> str:
    """What an outcome means, in a few words."""
    if outcome.lost:
        return "data is lost"
    if not outcome.monitors:
        return "everything waits: no majority of monitors"
    if not outcome.works:
        return "everything waits: too few copies"
    healing = "" if outcome.whole else "; heals by itself" if outcome.heals else "; heals when it is back"
    copies = "all copies" if outcome.whole else f"{outcome.copies} {'copy' if outcome.copies == 1 else 'copies'} of some data"
    halted = [what for what, going in (("files", outcome.files), ("objects", outcome.objects)) if not going]
    return f"goes on, {copies}{healing}" + (f"; no {' and '.join(halted)}" if halted else "")


def _head(plan: StoragePlan) -> str:
    source = plan.package_source
    origin = "the distribution's packages" if source.url is None else f"{source.name} of {source.url}"
    return f"Storage: Ceph from {origin}; files at {plan.mount_point}"


def _roles(plan: StoragePlan) -> str:
    roles = plan.roles
    rows = [
        [
            name,
            "tie-breaker" if name in roles.disallowed else _mark(name in roles.monitors),
            _mark(name in roles.managers),
            _mark(name in roles.metadata_servers),
            _mark(name in roles.gateways),
            len(plan.disks_of(name)) or "",
            tb(roles.weights[name]) if name in roles.weights else "",
        ]
        for name in plan.machines
    ]
    return tabulate(rows, headers=["machine", "monitor", "manager", "files", "objects", "disks", "size"], disable_numparse=True)


def _memory(plan: StoragePlan) -> str:
    kinds = list(dict.fromkeys(role for budget in plan.budgets.values() for role in budget.kept if role != "pods"))
    rows = [_budget(budget, kinds) for budget in plan.budgets.values()]
    return tabulate(rows, headers=["memory", "has", *kinds, "disks", "for pods"], disable_numparse=True)


def _budget(budget: Budget, kinds: Sequence[str]) -> list[str]:
    kept = [gib(budget.kept[kind]) if kind in budget.kept else "" for kind in kinds]
    disks = f"{budget.disks} x {gib(budget.osd_target)}" if budget.disks else ""
    return [budget.machine, gib(budget.memory), *kept, disks, gib(budget.for_pods)]


def _pools(plan: StoragePlan) -> str:
    rows = [[pool.name, pool.application, pool.pgs, pool.size, pool.min_size] for pool in plan.pools]
    return tabulate(rows, headers=["pool", "for", "placement groups", "copies", "works with"])


def _room(plan: StoragePlan) -> str:
    room = plan.capacity
    lines = [f"Room for {tb(room.usable)} of data on {tb(room.raw)} of disks, before Ceph warns that they are nearly full."]
    if room.heals:
        lines.append(f"Below {tb(room.heals)} of data the loss of any one disk heals on the disks that stay.")
    return "\n".join(lines)


def _survival(plan: StoragePlan) -> str:
    rows = [[_losses(outcome), ", ".join(outcome.monitors) or "none", effect(outcome)] for outcome in single(plan.cluster)]
    table = tabulate(rows, headers=["without", "monitors that agree", "storage"])
    both = double(plan.cluster) if len(rows) <= MOST_LOSSES else []
    pairs = [f"  {_losses(outcome)}: {effect(outcome)}" for outcome in both if not outcome.works or outcome.lost]
    more = [f"  and {len(pairs) - MOST_PAIRS} more"] if len(pairs) > MOST_PAIRS else []
    return "\n".join([table, *(["\nTwo at once that stop it, or lose data:", *pairs[:MOST_PAIRS], *more] if pairs else [])])


def _warnings(plan: StoragePlan) -> str:
    return "\n".join(_numbered(plan.warnings))


def _numbered(lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield "To know:"
    yield from (f"  {number}. {line}" for number, line in enumerate(lines, 1))


def _losses(outcome: Outcome) -> str:
    return " and ".join(map(str, outcome.losses))


def _mark(here: bool) -> str:
    return "yes" if here else ""
