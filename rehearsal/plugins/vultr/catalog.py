"""What the emulated cloud sells: a few of Vultr's plans, images and regions under their real identifiers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """memory: MB; disk: GB; bandwidth: GB a month."""

    cpus: int
    memory: int
    disk: int
    bandwidth: int


PLANS = {
    "vc2-1c-1gb": Plan(1, 1024, 25, 1000),
    "vc2-1c-2gb": Plan(1, 2048, 55, 2000),
    "vc2-2c-4gb": Plan(2, 4096, 80, 3000),
    "vc2-4c-8gb": Plan(4, 8192, 160, 4000),
}

IMAGES = {
    2136: "Debian 12 x64 (bookworm)",
    2625: "Debian 13 x64 (trixie)",
    1743: "Ubuntu 22.04 LTS x64",
    2284: "Ubuntu 24.04 LTS x64",
}
BOOTABLE = 2136  # the only system that the rehearsal has an image of

REGIONS = frozenset(
    ("ams", "atl", "cdg", "dfw", "ewr", "fra", "lax", "lhr", "mad", "mia", "nrt", "ord", "sea", "sgp", "sjc", "sto", "syd", "waw")
)
