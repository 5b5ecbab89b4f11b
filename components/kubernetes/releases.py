"""Which Kubernetes a release of Kubespray can install. Pure. Read from `kubelet_checksums` in each release's own tree."""

from collections.abc import Mapping

from config.kubernetes import Kubespray

URL = "https://github.com/kubernetes-sigs/kubespray/archive/refs/tags/{}.tar.gz"

Supported = Mapping[str, int]
"""Minor version -> its newest patch: {"1.35": 4} stands for 1.35.0 to 1.35.4."""

RELEASES: Mapping[str, Supported] = {
    "v2.28.0": {"1.30": 13, "1.31": 9, "1.32": 5},
    "v2.28.1": {"1.30": 14, "1.31": 12, "1.32": 8},
    "v2.29.0": {"1.31": 13, "1.32": 9, "1.33": 5},
    "v2.29.1": {"1.31": 14, "1.32": 10, "1.33": 7},
    "v2.30.0": {"1.32": 11, "1.33": 7, "1.34": 3},
    "v2.31.0": {"1.33": 11, "1.34": 7, "1.35": 4},
}
"""A release that is not here is taken as it comes: the runner reads what it supports from its tree."""

PROVED = "v2.31.0"
"""The one whose own checks have accepted what this program generates."""


def supported(kubespray: Kubespray) -> Supported | None:
    """None for a folder, and for a release that is not known here."""
    return RELEASES.get(kubespray.version or "")


def can(known: Supported, version: str) -> bool:
    """Whether a version is among those."""
    minor, _, patch = version.rpartition(".")
    return minor in known and int(patch) <= known[minor]


def span(known: Supported) -> str:
    """{"1.33": 11, …, "1.35": 4} -> 1.33.0 to 1.35.4, for people."""
    minors = [*known]
    return f"{minors[0]}.0 to {minors[-1]}.{known[minors[-1]]}"
