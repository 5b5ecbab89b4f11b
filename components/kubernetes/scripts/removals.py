"""Which machines leave a cluster, and in which order etcd lets them. Pure: standard library only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from records import REMOVE, Record, begun, inventory

CONTROL_PLANE = "kube_control_plane"
DRAIN = "60s"
"""Time to move pods away from a machine that does not answer: its pods never end, so waiting longer brings nothing."""


def leaving(applied: Record, wanted: Record) -> tuple[list[str], list[str], list[str]]:
    """Machines that go for good; that go and come back in other groups; that have been installed anew."""
    before, now, fresh = {**begun(applied), **applied["machines"]}, wanted["machines"], applied.get("fresh", ())
    gone = [name for name in before if name not in now]
    stay = [name for name in wanted["order"] if name in before]
    anew = [name for name in stay if name in fresh and name in applied["machines"]]
    other = [name for name in stay if name not in anew and before[name]["groups"] != now[name]["groups"]]
    return gone, other, anew


def renamed(applied: Record, wanted: Record, members: Collection[str]) -> list[str]:
    """Machines that go only by their name: at their mesh address one of `members`, who know that they are of the cluster, answers.

    What they have of it, a member of etcd's data too, is theirs under the old name alone, so they must be asked to let it go.
    """
    gone, _, _ = leaving(applied, wanted)
    before = {**begun(applied), **applied["machines"]}
    here = [wanted["machines"][name]["variables"]["ip"] for name in members if name in wanted["machines"]]
    return [name for name in gone if before[name]["variables"]["ip"] in here]


def quorum(applied: Record, wanted: Record, living: Collection[str]) -> Iterable[str]:
    """Why etcd lets no member go: a majority takes each one out. Who has one now keeps it to the end by `removals`."""
    gone, rejoining, fresh = leaving(applied, wanted)
    members = control_plane(applied)
    dead = _dead(applied, living)
    missing = len(members) // 2 + 1 - (len(members) - len(dead))
    if missing <= 0 or not {*members} & {*gone, *rejoining, *fresh}:
        return
    what = f"{len(dead)} of {len(members)} members of etcd do not answer ({listed(dead)}), so none can be taken out"
    lost = "etcd must go on from a snapshot in /var/backups of one that lives"
    able = [name for name in dead if name not in applied.get("fresh", ())]
    if len(able) < missing:
        yield f"{what}, and too few can come back as they were: {lost}"
        return
    out = [name for name in able if name not in wanted["machines"]]
    back = f", with {listed(out)} in homelab:machines again, as `controlPlane: false`, until that run is done" if out else ""
    count = listed(able) if len(able) == missing else f"{missing} of {listed(able)}"
    yield f"{what}: start {count}{back}. If that cannot be, {lost}"


def removals(applied: Record, wanted: Record, living: Collection[str]) -> list[dict[str, Any]]:
    """One step for those that do not answer, one for the others, each with the inventory that still has them.

    The dead first: each makes the majority of the living greater. The other way round the living would become too few to take out the dead.
    """
    gone, rejoining, fresh = leaving(applied, wanted)
    going = [*gone, *rejoining, *fresh]
    asked = [name for name in going if name in living and name not in fresh]
    dead = [name for name in going if name not in asked]
    steps = [_removal(applied, dead, _ungraceful(applied, dead, living), living=False)] if dead else []
    return [*steps, _removal(applied, asked, f"take {listed(asked)} out of the cluster", living=True)] if asked else steps


def control_plane(record: Record) -> list[str]:
    """These are etcd's members, too."""
    return [name for name in record["order"] if name in record["machines"] and _controls(record["machines"][name])]


def listed(names: Collection[str]) -> str:
    """a, b and c."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else str(last)


def _removal(applied: Record, names: list[str], reason: str, *, living: bool) -> dict[str, Any]:
    machines = {**begun(applied), **applied["machines"]}
    # Between two of these there may be an even number of members of etcd, which Kubespray's checks refuse.
    said: dict[str, Any] = {"node": ",".join(names), "skip_confirmation": True, "ignore_assert_errors": True}
    if not living:
        said |= {"reset_nodes": False, "allow_ungraceful_removal": True, "drain_timeout": DRAIN}
    # Kubespray asks etcd for all of them side by side and once; etcd lets one go at a time and drops what is asked meanwhile.
    forks = {"forks": 1} if len([name for name in names if _controls(machines[name])]) > 1 else {}
    order = [*applied["order"], *(name for name in machines if name not in applied["order"])]
    return {"playbook": REMOVE, "variables": said, "limit": None, "reason": reason, **forks, "inventory": inventory(machines, order)}


def _ungraceful(applied: Record, names: list[str], living: Collection[str]) -> str:
    """In words. A run that broke off may have made a machine a member of etcd that nobody knows as one: that shows when etcd is asked."""
    reason = f"take {listed(names)} out of the cluster, without asking {'it' if len(names) == 1 else 'them'}"
    added = {name: said for name, said in begun(applied).items() if name not in applied["machines"] and _controls(said)}
    unsure = [name for name in names if name in added]
    dead, count = len(_dead(applied, living)) + len(unsure), len({*control_plane(applied), *added})
    if not unsure or dead * 2 < count:
        return reason
    return f"{reason}. Should etcd not answer, {listed(unsure)} had joined it: put back in homelab:machines and started, it lets them go"


def _dead(applied: Record, living: Collection[str]) -> list[str]:
    """Members that have no say in etcd."""
    return [name for name in control_plane(applied) if name not in living or name in applied.get("fresh", ())]


def _controls(machine: Mapping[str, Any]) -> bool:
    return CONTROL_PLANE in machine["groups"]
