"""What archives a repository has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

from toolkit import BORG, Problem, sh, tail


def listed(repository: Path | str, env: Mapping[str, str]) -> list[tuple[str, str, float]]:
    """(id, name, seconds since 1970) of every line of Borg's list, the oldest first. Whoever may write it can name one archive twice."""
    # Borg prints the time of its own zone, in which an hour of autumn comes twice.
    shown = sh(*BORG, "list", "--json", "--consider-checkpoints", str(repository), env={**env, "TZ": "UTC"}, check=False)
    if shown.returncode:
        raise Problem(f"its archives cannot be listed: {tail(shown, 600)}")
    found = [(one["id"], one["name"], moment(one["time"])) for one in json.loads(shown.stdout)["archives"]]
    return sorted(found, key=lambda one: one[2])


def archives(repository: Path | str, env: Mapping[str, str]) -> dict[str, tuple[str, float]]:
    """Id -> name and time, the oldest first."""
    return {which: (name, when) for which, name, when in listed(repository, env)}


def moment(text: str) -> float:
    """Of the time that `listed` has asked Borg for: UTC where it names no zone."""
    when = datetime.fromisoformat(text)
    return (when if when.tzinfo else when.replace(tzinfo=timezone.utc)).timestamp()  # noqa: UP017 (Ubuntu 22.04 has Python 3.10)


def choose(known: Mapping[str, tuple[str, float]], wanted: str) -> str:
    """The name of an archive: itself, `latest`, or a date (2026-01-31, 2026-01-31T18:00): the last one that was made before its end."""
    names = [name for name, _ in known.values() if _whole(name)]
    if not names:
        raise Problem("there is no archive yet")
    if wanted == "latest":
        return names[-1]
    if wanted in names:
        return wanted
    try:
        until = datetime.fromisoformat(wanted).timestamp() + (86400 if len(wanted) <= 10 else 0)
    except ValueError:
        raise Problem(f"{wanted!r} is neither an archive nor a date nor `latest`; there are {', '.join(names[-5:])}") from None
    before = [name for name, when in known.values() if when < until and name in names]
    if not before:
        raise Problem(f"no archive is as old as {wanted}; the oldest is {names[0]}")
    return before[-1]


def of_before(known: Mapping[str, tuple[str, float]], wanted: str, since: float) -> str:
    """`choose`, for a machine that is to become what it was: what its installation of now has made, only by its own name."""
    name = choose(known, wanted)
    older = [one for one, when in known.values() if when < since and _whole(one)]
    if name == wanted or name in older:
        return name
    there = f"from before it there are {', '.join(older[-5:])}" if older else "from before it there is none"
    raise Problem(
        f"{wanted} is {name}, which the installation that is on this machine now has made itself: perhaps of an empty system. "
        f"Give the name of the archive that you mean; {there}. `backup/list` has them all"
    )


def _whole(name: str) -> bool:
    return not name.endswith(".checkpoint") and ".checkpoint." not in name
