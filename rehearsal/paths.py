"""Where the rehearsal keeps its things: generated state of one checkout, caches shared by all checkouts, checked-in keys."""

import os
from pathlib import Path


def checkout() -> Path:
    """The root folder of this checkout."""
    return Path(__file__).resolve().parent.parent


def state() -> Path:
    """Generated state: HOMELAB_REHEARSAL when set (tests), else `.rehearsal` of the checkout."""
    given = os.environ.get("HOMELAB_REHEARSAL")
    return Path(given).resolve() if given else checkout() / ".rehearsal"


def cache() -> Path:
    """What is costly to make and the same for every checkout: engine builds, the machine image."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "homelab-rehearsal"


def keys() -> Path:
    """Checked-in private keys of the rehearsal's machines and people, worthless by design."""
    return checkout() / "rehearsal" / "keys"
