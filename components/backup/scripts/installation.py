"""Since when this installation of the machine is backed up. What its repository has from before is of the installation that was lost."""

from __future__ import annotations

import time
from pathlib import Path

from toolkit import Places, put, read


def _place(places: Places) -> Path:
    """Not with what leaving takes away, and in no restore: see `system.STAYS`."""
    return places.root / "var/lib/homelab/installed.json"


def note(places: Places) -> None:
    """The first time only, before its timer can have made an archive."""
    if read(_place(places)) is None:
        put(_place(places), {"since": time.time()})


def since(places: Places) -> float:
    """Seconds since 1970; of the future where nothing is known."""
    return float((read(_place(places)) or {}).get("since", "inf"))
