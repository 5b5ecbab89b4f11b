"""The backups as people read them: tables for `make plan`, a small document for the stack's outputs. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

from tabulate import tabulate

from components.backup.plan import BackupPlan, Member
from components.storage.units import tb

NEVER = (
    "/tmp", "/var/tmp", "all below /mnt and /media", "what is mounted and no disk of Linux's (NTFS, FUSE, network)", "caches",
    "folders with .nobackup or CACHEDIR.TAG", "Ceph's and Kubernetes' own (docs/how-to/backups.md has the list)",
)  # fmt: skip
"""In short: `scripts/sources.py` and `manifest.py` know it exactly."""


def text(plan: BackupPlan) -> str:
    """Who stores what where, when and how long; then warnings. Empty without backups."""
    if not plan.enabled:
        return ""
    return "\n\n".join([_head(plan), _members(plan), _facts(plan), "\n".join(_numbered(plan.warnings))])


def document(plan: BackupPlan) -> dict[str, Any]:
    """The same for the stack's outputs, plain values only; empty without backups."""
    if not plan.enabled:
        return {}
    return {
        "folder": plan.folder,
        "repositories": {name: plan.repository(name) for name in plan.members},
        "keepers": [*plan.keepers],
        "snapshots": [*plan.snapshotters],
        "warnings": [*plan.warnings],
    }


def _head(plan: BackupPlan) -> str:
    plain = "etcd's snapshots and the manifests" if plan.snapshotters else "the manifests"
    return f"Backups by Borg at {plan.folder}, encrypted but for {plain}: NOT OFF SITE"


def _members(plan: BackupPlan) -> str:
    every = plan.members.items()
    rows = [[name, "client" if one.client else "machine", plan.repository(name), _way(plan, one)] for name, one in every]
    return tabulate(rows, headers=["", "is a", "repository", "way"], disable_numparse=True)


def _way(plan: BackupPlan, member: Member) -> str:
    if member.way == "mount":
        return "by its mount"
    return f"by SSH over the mesh to {' or '.join(one.name for one in plan.entries)}, can only add"


def _facts(plan: BackupPlan) -> str:
    said, schedule = plan.backup, plan.backup.schedule
    assert schedule
    keep = ", ".join(f"{number} {unit}" for unit, number in said.keep if number)
    checks = ", ".join(f"{kind} every {seconds}" for kind, seconds in said.checks)
    rows = [
        ["when", f"{schedule.at}, each up to {schedule.spread} later; what was missed is made good"],
        ["stay", f"{keep}; pruned by {' or '.join(plan.keepers)}"],
        ["checks", checks],
        ["room", f"{tb(said.quota)}, and nothing begins above 95 % of it" if said.quota else "no quota"],
        ["over the mesh", f"at most {said.limits.upload} a second"],
        ["left out", ", ".join([*said.excludes, *NEVER])],
    ]
    if plan.snapshotters:
        often = f"every {said.snapshots.every}, {said.snapshots.keep} stay"
        rows.append(["etcd", f"copied by {' or '.join(plan.snapshotters)} {often}"])
    return tabulate(rows, tablefmt="plain", disable_numparse=True)


def _numbered(lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield "To know:"
    yield from (f"  {number}. {line}" for number, line in enumerate(lines, 1))
