"""Which playbooks bring a cluster from what is applied to what is wanted, or why none may. Pure: standard library only.

`wanted` is the plan's document (components/kubernetes/plan.py, `wanted`), `applied` a record (records.py); None: there never was a cluster.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from records import Record, both, dropped
from removals import control_plane, leaving, listed, quorum, removals

INSTALL, UPGRADE = "cluster.yml", "upgrade-cluster.yml"


def decide(applied: Record | None, wanted: Record, living: Collection[str]) -> dict[str, Any]:
    """{"steps": [{"playbook", "variables": extra ones, "limit": None, "reason": words; …}], "refused": what is in the way, or None,
    "drop": {machine: {"labels": [key], "taints": [key:effect]}}: what no playbook takes away}.

    `living`: machines that answer now, leaving ones too. The same state gives no steps, whoever is off.
    """
    if applied is None or not applied.get("machines"):
        problems, steps, drop = [*_install_problems(applied, wanted, living)], _install(applied, wanted), {}
    else:
        problems = [*_change_problems(applied, wanted, living)]
        steps, drop = ([], {}) if problems else (_change(applied, wanted, living), dropped(applied, wanted))
        problems += _absent(wanted, living, "this change concerns all machines") if steps else []
    return {"steps": [] if problems else steps, "refused": "\n".join(problems) or None, "drop": {} if problems else drop}


def _install(applied: Record | None, wanted: Record) -> list[dict[str, Any]]:
    names = ", ".join(wanted["order"])
    if applied is None:
        return [_step(INSTALL, f"install Kubernetes {wanted['version']} by {wanted['kubespray']} on {names}", wanted["version"])]
    begun = str((applied.get("towards") or wanted)["version"])
    first = _step(INSTALL, f"go on with the installation of Kubernetes {begun} on {names}, which broke off", begun)
    return [first, *_upgrades(begun, wanted)]


def _install_problems(applied: Record | None, wanted: Record, living: Collection[str]) -> Iterable[str]:
    yield from _cannot(wanted, wanted["version"])
    yield from _absent(wanted, living, "an installation needs all of them")
    begun = (applied or {}).get("towards")
    if not begun:
        return
    again = "or, as nothing was installed yet, run `make do M=<machine> DO=kubernetes/leave` for every machine and begin anew"
    gone = [name for name in begun["machines"] if name not in wanted["machines"]]
    if gone:
        yield f"{listed(gone)} took part in an installation that broke off: put back, run until it is whole, then take away; {again}"
    for name in both(begun, wanted):
        if begun["machines"][name]["groups"] != wanted["machines"][name]["groups"]:
            yield f"{name} has another part than in the installation that broke off: put it back until that is whole; {again}"
    yield from _fixed(begun, wanted)
    if _numbers(wanted["version"]) < _numbers(begun["version"]):
        yield f"an installation of {begun['version']} broke off, and {wanted['version']} is older: want {begun['version']}; {again}"
        return
    yield from _between(begun["version"], wanted["version"], wanted)


def _change(applied: Record, wanted: Record, living: Collection[str]) -> list[dict[str, Any]]:
    gone, rejoining, fresh = leaving(applied, wanted)
    new = [name for name in wanted["order"] if name not in applied["machines"] and name not in rejoining]
    out = removals(applied, wanted, living)
    upgrades = _upgrades(applied["version"], wanted)
    if not upgrades and _release(applied["kubespray"]) != _release(wanted["kubespray"]):
        reason = f"{applied['kubespray']} to {wanted['kubespray']}: etcd, containerd and what else it brings, a machine at a time"
        upgrades = [_upgrade(wanted["version"], reason)]
    reasons = [f"add {listed(new)}"] if new else []
    reasons += [f"put back {listed([*rejoining, *fresh])}"] if rejoining or fresh else []
    reasons += [f"make the others forget {listed(gone)}"] if gone else []
    if not upgrades and not reasons:
        reasons += [*_changes(applied, wanted)]
    if not (reasons or upgrades or out) and applied["phase"] == "started":
        reasons = ["go on with what broke off"]
    return [*out, *([_all(applied, reasons)] if reasons else []), *upgrades]


def _all(applied: Record, reasons: list[str]) -> dict[str, Any]:
    """The whole cluster once more, as it is: an upgrade comes after it. Without `upgrade_cluster_setup` control-plane machines that are
    members already keep the API server's flags they have, old members of etcd among them."""
    step = _step(INSTALL, "; ".join(reasons), applied["version"])
    step["variables"].update({"upgrade_cluster_setup": True, "etcd_retries": 10})
    return step


def _changes(applied: Record, wanted: Record) -> Iterable[str]:
    """What is other on machines that stay; an upgrade brings it along."""
    if applied["variables"] != wanted["variables"]:
        yield "bring changed variables to all machines"
    if applied["kubespray"] != wanted["kubespray"]:
        yield "run the changed playbooks"
    same = [name for name in both(applied, wanted) if applied["machines"][name]["groups"] == wanted["machines"][name]["groups"]]
    other = [name for name in same if applied["machines"][name]["variables"] != wanted["machines"][name]["variables"]]
    if other:
        yield f"bring changed variables to {listed(other)}"


def _change_problems(applied: Record, wanted: Record, living: Collection[str]) -> Iterable[str]:
    yield from _fixed(applied, wanted)
    yield from _first(applied, wanted)
    yield from quorum(applied, wanted, living)
    yield from _versions(applied, wanted)
    for name in both(applied, wanted):
        before, now = applied["machines"][name]["variables"]["ip"], wanted["machines"][name]["variables"]["ip"]
        if before != now:
            remedy = f"put that mesh address back, or take {name} out, run, and add it"
            yield f"etcd and certificates have {name} at {before}, not at {now}: {remedy}"


def _fixed(applied: Record, wanted: Record) -> Iterable[str]:
    """What no playbook can change in a cluster that lives."""
    for key, what in (("network", "pods' network plug-in"), ("pods", "pods' network"), ("services", "services' network")):
        if applied.get(key, wanted[key]) != wanted[key]:
            yield f"the {what} is {applied[key]}, and no playbook can make it {wanted[key]} in a living cluster: put {applied[key]} back"
    if applied.get("encryptSecrets") and not wanted["encryptSecrets"]:
        yield "Secrets are encrypted in etcd: without encryptSecrets API servers could not read them any more. Put it back"


def _first(applied: Record, wanted: Record) -> Iterable[str]:
    """The first of the control plane has the certificate authority's and the cluster's own address: it cannot go, nor come second."""
    before, now = control_plane(applied)[0], control_plane(wanted)[0]
    if before in applied.get("fresh", ()):
        yield f"{before}, the first of the control plane, has been installed anew: it must be recovered from the others, not added"
    elif now != before and before in control_plane(wanted):
        yield f"{now} would come before {before}, the first of the control plane: give {now} a higher mesh address than {before}'s"
    elif now != before:
        yield (
            f"{before} is the first of the control plane and cannot be taken out as it is: its certificates' authority and address are "
            f"the cluster's. Keep it in homelab:machines; a dead one is put back under the same name and address"
        )


def _versions(applied: Record, wanted: Record) -> Iterable[str]:
    before, now = str(applied["version"]), str(wanted["version"])
    begun = str((applied.get("towards") or applied)["version"])
    reached = max(before, begun if applied["phase"] == "started" else before, key=_numbers)
    if _numbers(now) < _numbers(reached):
        what = f"an upgrade to {reached} has begun" if reached != before else f"the cluster has Kubernetes {before}"
        yield f"{what}, and {now} is older: Kubernetes never goes back. Set homelab:kubernetes.version to {reached} or newer"
        return
    yield from _releases(applied, wanted)
    yield from _between(before, now, wanted)
    if before != now:
        yield from _cannot(wanted, now)


def _between(before: str, now: str, wanted: Record) -> Iterable[str]:
    """Minors on the way that the playbooks cannot install, or do not say how."""
    able = wanted.get("supported") or {}
    for minor in _minors(before, now):
        if minor not in able:
            others = [release for release, can in wanted.get("releases", {}).items() if minor in can]
            instead = f" with Kubespray {others[-1]}" if others else ""
            what = f"{wanted['kubespray']} has none" if able else "these playbooks do not say which they have"
            yield f"from Kubernetes {before} to {now} the way goes through {minor}, and {what}: set version to a {minor}{instead} first"


def _releases(applied: Record, wanted: Record) -> Iterable[str]:
    old, new = _release(applied["kubespray"]), _release(wanted["kubespray"])
    if not old or not new or old == new:
        return
    if new < old:
        yield f"the cluster was made by Kubespray {applied['kubespray']}, and {wanted['kubespray']} is older: use that one or a newer one"
    elif new[0] != old[0] or new[1] > old[1] + 1:
        between = f"v{old[0]}.{old[1] + 1}"
        yield f"Kubespray goes from release to release: from {applied['kubespray']} to {between}.* first, then on to {wanted['kubespray']}"
    elif wanted.get("supported") and not _known(wanted["supported"], applied["version"]) and _grown(applied, wanted):
        yield f"{wanted['kubespray']} cannot install {applied['version']}: add or remove machines before or after this upgrade, not with it"


def _cannot(wanted: Record, version: str) -> Iterable[str]:
    """Why the playbooks cannot install a version, if they say what they can."""
    able = wanted.get("supported")
    if able and not _known(able, version):
        others = [release for release, can in wanted.get("releases", {}).items() if _known(can, version)]
        instead = f"use Kubespray {others[-1]} for it first" if others else "use a release of Kubespray that can"
        oldest, newest = [*able][0], [*able][-1]  # noqa: RUF015
        yield f"{wanted['kubespray']} installs Kubernetes {oldest}.0 to {newest}.{able[newest]}, not {version}: {instead}"


def _minors(before: str, now: str) -> list[str]:
    """1.33.4, 1.36.0 -> 1.34, 1.35."""
    (major, first, _), (_, last, _) = _numbers(before), _numbers(now)
    return [f"{major}.{minor}" for minor in range(first + 1, last)]


def _upgrades(before: str, wanted: Record) -> list[dict[str, Any]]:
    """One minor at a time, each on the way at its newest patch. Of a wish in which `_versions` finds nothing."""
    now = str(wanted["version"])
    if before == now:
        return []
    path = [*(f"{minor}.{wanted['supported'][minor]}" for minor in _minors(before, now)), now]
    pairs = zip([before, *path], path, strict=False)
    return [_upgrade(to, f"upgrade Kubernetes {of} to {to}, a machine at a time") for of, to in pairs]


def _upgrade(version: str, reason: str) -> dict[str, Any]:
    step = _step(UPGRADE, reason, version)
    step["variables"]["serial"] = 1
    return step


def _step(playbook: str, reason: str, version: str) -> dict[str, Any]:
    return {"playbook": playbook, "variables": {"kube_version": version}, "limit": None, "reason": reason}


def _absent(wanted: Record, living: Collection[str], why: str) -> list[str]:
    silent = [name for name in wanted["order"] if name not in living]
    if not silent:
        return []
    one = len(silent) == 1
    verb, it = ("does", "it") if one else ("do", "them")
    return [f"{listed(silent)} {verb} not answer over the mesh, and {why}: start {it}, or take {it} out of homelab:machines"]


def _grown(applied: Record, wanted: Record) -> bool:
    return any(leaving(applied, wanted)) or bool({*wanted["machines"]} - {*applied["machines"]})


def _known(able: Mapping[str, int], version: str) -> bool:
    minor, _, patch = version.rpartition(".")
    return minor in able and patch != "" and int(patch) <= able[minor]


def _release(source: str) -> tuple[int, ...]:
    """v2.31.0 -> (2, 31, 0); a folder -> ()."""
    return _numbers(source[1:]) if re.fullmatch(r"v\d+\.\d+\.\d+", source) else ()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
