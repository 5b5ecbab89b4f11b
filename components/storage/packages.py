"""Where Ceph's packages come from, and which each machine needs. Pure. docs/facts/ceph.md says since when the versions are so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.storage.layout import Layout
from config.storage import Packages

KEY = "https://download.ceph.com/keys/release.asc"
FINGERPRINT = "08B73419AC32B4E966C1A330E84AC2C0460F3994"
FAMILY: Sequence[str] = (
    "ceph*", "libceph*", "librados*", "libradosstriper*", "librbd*", "librgw*", "libsqlite3-mod-ceph", "python3-ceph*",
    "python3-rados", "python3-rbd", "python3-rgw", "rados*", "rbd-*",
)  # fmt: skip
"""Packages that must come from one place and change only when a person says so."""

COMMON = ("ceph-common",)
MONITOR = ("ceph-mon",)
STORE = ("ceph-osd", "ceph-fuse")
VOLUME = "ceph-volume"
"""Part of ceph-osd in Debian 12, a package of its own elsewhere: installed where there is one."""


@dataclass(frozen=True)
class Source:
    """`versions`: image of a machine -> the version it gets there. `url` None: the distribution's own repository."""

    name: str
    url: str | None
    versions: Mapping[str, str]
    suites: Mapping[str, str]
    """Image -> the repository's name for it; empty for the distribution's own."""


def _upstream(name: str, version: str) -> Source:
    suites = {"debian-12": "bookworm", "ubuntu-22.04": "jammy", "ubuntu-24.04": "noble"}
    return Source(name, f"https://download.ceph.com/debian-{version}/", dict.fromkeys(suites, version), suites)


SOURCES: Mapping[Packages, Source] = {
    "distribution": Source("distribution", None, {"debian-12": "16.2.15", "ubuntu-22.04": "17.2.9", "ubuntu-24.04": "19.2.3"}, {}),
    "tentacle": _upstream("tentacle", "20.2.5"),
    "squid": _upstream("squid", "19.2.7"),
}
"""Debian 13 is in none: its own Ceph 18.2.7 has managers that fail to load their modules, and upstream builds nothing for it."""


def packages(roles: Layout, machine: str) -> Sequence[str]:
    """What the machine needs of Ceph, sorted; nothing when it has no part in it."""
    parts = [
        (machine in roles.monitors, MONITOR),
        (machine in roles.managers, ("ceph-mgr",)),
        (machine in roles.metadata_servers, ("ceph-mds",)),
        (machine in roles.gateways, ("radosgw",)),
        (machine in roles.hosts, STORE),
    ]
    needed = {package for here, some in parts if here for package in some}
    return sorted({*needed, *COMMON}) if needed else []
