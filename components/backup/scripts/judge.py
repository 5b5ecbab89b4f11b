"""Whether a repository may be pruned: is everything that was there when the keeper last looked still there? Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

TOLERANCE = 3600.0
"""Seconds by which clocks may differ."""

SAME = 1.0
"""Seconds within which two times of one archive are the same: it is written once, and only a fraction may be rounded."""

Record = Mapping[str, Any]
"""{"segment": last transaction that was looked at, "archives": {id: [name, time]}, "when": time, "key": text, "epoch": times rewound,
"removing": ids that the keeper was about to prune, or null, "refused": [why], "failed": what went wrong the last
time, or "", "tried": when that was}"""

FRESH: Record = {"segment": -1, "archives": {}, "when": 0, "key": "", "epoch": 0, "removing": None, "refused": [], "failed": "", "tried": 0}
"""Of a repository that nobody has looked at yet."""


def objections(record: Record | None, listed: Sequence[tuple[str, str, float]], key: str, gone: int, now: float) -> list[str]:
    """Why not to touch it; empty when it may be pruned. `listed`: id, name and time of every archive; `gone`: how many objects of before
    are no more. Borg prunes by the names and times of its list, which whoever may add archives can also write anew.

    A run of the keeper that was cut off has deleted objects itself; then only its archives are compared, and the caller has all data
    checked first.
    """
    if record is None:
        return []
    found = []
    removing = {*(record.get("removing") or ())}
    there = {one for one, _, _ in listed}
    lost = [name for one, (name, _) in record["archives"].items() if one not in there and one not in removing]
    if lost:
        found.append(f"{len(lost)} archives are gone that nobody here has removed: {', '.join(sorted(lost)[:5])}")
    if gone and not removing and not lost:
        found.append(f"{gone} objects of older archives are deleted or overwritten")
    if key != record["key"]:
        found.append("the key inside is another than the one that was exported")
    if twice := len(listed) - len(there):
        found.append(f"{twice} archives are listed under two names: to prune one is to destroy the other")
    other = [
        f"{known[0]}, now {name} of {stamp(when)} instead of {stamp(known[1])}"
        for one, name, when in listed
        if (known := record["archives"].get(one)) and (name != known[0] or abs(when - known[1]) > SAME)
    ]
    if other:
        found.append(f"{len(other)} archives have another name or time than they had, and pruning goes by these: {'; '.join(other[:5])}")
    newest = max((when for _, when in record["archives"].values()), default=0.0)
    for one, name, when in listed:
        if one in record["archives"]:
            continue
        if when > now + TOLERANCE:
            found.append(f"the archive {name} is of the future: it would outlive all true ones")
        elif when < newest - TOLERANCE:
            found.append(f"the archive {name} is new and calls itself older than one that was there: it would take a true one's place")
    return found


def stamp(when: float) -> str:
    """UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when))
