"""Applied records: what was brought about on the machines, and how far a run has come. Pure: standard library only.

A record is the `wanted` of the last run that ended well (components/kubernetes/plan.py), with "when" (ISO 8601, UTC), "phase" ("started"
while a run goes on or after it broke off, else "done"), "towards" (while started: what that run wants) and, where the reader has found any,
"fresh": machines that have been installed anew since. It holds no secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Record = Mapping[str, Any]
REMOVE = "remove-node.yml"


def started(applied: Record | None, wanted: Record, when: str) -> dict[str, Any]:
    """The record to write before the first step."""
    return {**(applied or {"machines": {}, "version": None}), "phase": "started", "towards": dict(wanted), "when": when}


def after(record: Record, step: Record, wanted: Record, when: str) -> dict[str, Any]:
    """The record to write when a step has ended well."""
    if step["playbook"] == REMOVE:
        gone = step["variables"]["node"].split(",")
        left = {name: said for name, said in record["machines"].items() if name not in gone}
        fresh = [name for name in record.get("fresh", ()) if name not in gone]
        return {**record, "machines": left, "order": [name for name in record["order"] if name in left], "fresh": fresh, "when": when}
    keep = {"phase": "started", "towards": dict(wanted), "when": when}
    return {**wanted, "version": step["variables"]["kube_version"], **keep}


def done(wanted: Record, when: str) -> dict[str, Any]:
    """The record to write after the last step."""
    return {**wanted, "phase": "done", "when": when}


def newest(records: Iterable[Record | None]) -> Record | None:
    """The one that counts, of those that the control-plane machines have."""
    return max((record for record in records if record), key=lambda record: str(record["when"]), default=None)


def supported(checksums: str) -> dict[str, int]:
    """Minor -> newest patch, out of Kubespray's roles/kubespray_defaults/vars/main/checksums.yml; empty when it says nothing."""
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
