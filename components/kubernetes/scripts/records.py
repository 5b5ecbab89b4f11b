"""Applied records: what was brought about on the machines, and how far a run has come. Pure: standard library only.

A record is the `wanted` of the last run that ended well (components/kubernetes/plan.py), with "when" (ISO 8601, UTC), "phase" ("started"
while a run goes on or after it broke off, else "done"). While started it also has "towards" (what that run wants), "begun" (machines that
runs before it may have left half in) and "drop" (labels and taints still to be taken away). Where the reader has found any, "fresh" are
machines that have been installed anew since. It holds no secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Record = Mapping[str, Any]
REMOVE = "remove-node.yml"
CHECKSUMS = "roles/kubespray_defaults/vars/main/checksums.yml"
"""Where Kubespray's tree has its tables of what can be installed."""


def started(applied: Record | None, wanted: Record, when: str) -> dict[str, Any]:
    """The record to write before the first step. It forgets nothing that an earlier one that broke off may have left."""
    before = applied or {"machines": {}, "version": None}
    left = {"begun": begun(before), "drop": dropped(before, wanted)}
    return {**before, **left, "phase": "started", "towards": dict(wanted), "when": when}


def after(record: Record, step: Record, wanted: Record, when: str) -> dict[str, Any]:
    """The record to write when a step has ended well."""
    if step["playbook"] != REMOVE:
        keep = {"phase": "started", "towards": dict(wanted), "drop": dropped(record, wanted), "when": when}
        return {**wanted, "version": step["variables"]["kube_version"], **keep}
    gone = step["variables"]["node"].split(",")
    left = {key: {name: said for name, said in record.get(key, {}).items() if name not in gone} for key in ("machines", "begun")}
    names = {key: [name for name in record.get(key, ()) if name not in gone] for key in ("order", "fresh")}
    return {**record, **left, **names, "when": when}


def begun(record: Record) -> dict[str, Any]:
    """Machines of runs that broke off, as the first of these had them: the others would have taken them out before any change."""
    if record.get("phase") != "started":
        return {}
    return {**record.get("towards", {}).get("machines", {}), **record.get("begun", {})}


def both(applied: Record, wanted: Record) -> list[str]:
    """Machines that stay, in the wanted order."""
    return [name for name in wanted["order"] if name in applied["machines"]]


def dropped(applied: Record, wanted: Record) -> dict[str, dict[str, list[str]]]:
    """Labels and taints that a machine had, or may have by a run that broke off, and shall not have: Kubespray only ever adds."""
    found = {}
    for name in wanted["order"]:
        before = [said[name]["variables"] for said in (applied["machines"], begun(applied), _towards(applied)) if name in said]
        due, now = applied.get("drop", {}).get(name, {}), wanted["machines"][name]["variables"]
        had = {"labels": [*due.get("labels", ())], "taints": [*due.get("taints", ())]}
        for said in before:
            had["labels"] += said.get("node_labels", {})
            had["taints"] += map(_taint, said.get("node_taints", []))
        shall = {"labels": [*now.get("node_labels", {})], "taints": [*map(_taint, now.get("node_taints", []))]}
        less = {key: [one for one in dict.fromkeys(had[key]) if one not in shall[key]] for key in had}
        if any(less.values()):
            found[name] = less
    return found


def done(wanted: Record, when: str) -> dict[str, Any]:
    """The record to write after the last step."""
    return {**wanted, "phase": "done", "when": when}


def newest(records: Iterable[Record | None]) -> Record | None:
    """The one that counts, of those that the control-plane machines have."""
    return max((record for record in records if record), key=lambda record: str(record["when"]), default=None)


def supported(checksums: str) -> dict[str, int]:
    """Minor -> newest patch, out of the text of CHECKSUMS; empty when it says nothing."""
    table = re.search(r"^kubelet_checksums:\n(?P<body>(?:[ #].*\n?|\n)*)", checksums, re.MULTILINE)
    found: dict[str, int] = {}
    for minor, patch in re.findall(r"^    (\d+\.\d+)\.(\d+):", table["body"] if table else "", re.MULTILINE):
        found[minor] = max(int(patch), found.get(minor, 0))
    return dict(sorted(found.items(), key=lambda item: tuple(map(int, item[0].split(".")))))


def inventory(machines: Mapping[str, Record], order: Iterable[str]) -> dict[str, Any]:
    """hosts.yml (as JSON, which is YAML) of a record's machines: remove-node.yml needs those that leave."""
    names = [name for name in order if name in machines]
    groups = dict.fromkeys(group for name in names for group in machines[name]["groups"])
    members = {group: {"hosts": {name: {} for name in names if group in machines[name]["groups"]}} for group in groups}
    return {"all": {"hosts": {name: machines[name]["variables"] for name in names}, "children": members}}


def _towards(record: Record) -> Mapping[str, Any]:
    machines: Mapping[str, Any] = record.get("towards", {}).get("machines", {})
    return machines


def _taint(text: str) -> str:
    """key=value:Effect -> key:Effect, as `kubectl taint … key:Effect-` takes it away."""
    key, _, effect = text.partition(":")
    return f"{key.partition('=')[0]}:{effect}"
