"""Generated stack files: the dev stack with as many machines as wanted. Pure."""

from base64 import b64encode
from collections.abc import Mapping
from copy import deepcopy
from hashlib import sha256
from ipaddress import ip_network
from itertools import islice
from struct import pack
from typing import Any

LARGEST = 150
"""Machines: they and the clients share a /24, and so do the home's."""

SHAPED = 2
"""The own machines that the dev stack has, with their disks; more come without disks."""

PODS = "10.232.0.0/16"
"""With room for that many machines, 256 addresses each."""


def grown(document: Mapping[str, Any], machines: int) -> dict[str, Any]:
    """The stack file `document` of the dev stack with `machines` machines: its own three, and further ones at home like its second, without
    disks. Raises ValueError when they do not fit its networks."""
    if not SHAPED + 1 <= machines <= LARGEST:
        raise ValueError(f"between {SHAPED + 1} and {LARGEST} machines can be generated, not {machines}")
    stack = deepcopy(dict(document))
    config = stack["config"]
    members, mesh = config["homelab:machines"], config["homelab:mesh"]
    config["homelab:kubernetes"]["pods"] = PODS
    names = [f"machine-{number:03d}" for number in range(machines - len(members))]
    model = list(members.values())[SHAPED - 1]
    lan = _free(model["lan"], {str(said["lan"]).partition("/")[0] for said in members.values() if "lan" in said})
    taken = {*mesh["addresses"].values(), *(client["address"] for client in mesh["clients"].values())}
    for name, at_home, in_mesh in zip(names, lan, _free(mesh["network"], taken), strict=False):
        plain = {key: value for key, value in model.items() if key != "disks"}
        members[name] = {**plain, "lan": f"{at_home}/24", "ssh": {**model["ssh"], "hostKey": host_key(name)}, "controlPlane": False}
        mesh["addresses"][name] = in_mesh
    for said in config.get("homelab:applications", {}).values() if names else ():
        if "path" in said.get("data", {}) or said.get("mounts"):
            said.setdefault("machine", next(iter(members)))  # machines without disks do not mount the file system
    return stack


def host_key(name: str) -> str:
    """A public key of nobody: right in form, the same in each run."""
    kind = b"ssh-ed25519"
    body = pack(">I", len(kind)) + kind + pack(">I", 32) + sha256(name.encode()).digest()
    return f"ssh-ed25519 {b64encode(body).decode()}"


def _free(network: str, taken: set[str]) -> list[str]:
    """Addresses of a network from its twentieth on."""
    hosts = islice(ip_network(network, strict=False).hosts(), 19, None)
    return [str(host) for host in hosts if str(host) not in taken]
