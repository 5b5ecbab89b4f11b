"""What a machine of the rehearsal is: plain values, kept as JSON beside its root file system."""

import json
import re
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_network
from typing import Literal, get_args

from rehearsal.machines.shell import MachineError

Network = Literal["home", "internet", "cafe"]
Protocol = Literal["tcp", "udp", "icmp", "gre", "esp", "ah"]
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True)
class Disk:
    """An empty disk: name under /dev/disk/by-id, serial number, size in bytes."""

    id: str
    serial: str
    size_bytes: int


@dataclass(frozen=True)
class EdgeRule:
    """What the provider's firewall in front of a rented machine lets in. `port`: "22", "8000:9000", or "" for all."""

    version: Literal[4, 6]
    protocol: Protocol
    port: str
    source: IPv4Network | IPv6Network


@dataclass(frozen=True)
class Spec:
    """One machine. With `user_data` real cloud-init sets it up; without, `user`, `authorized_key` and `host_key` are planted."""

    name: str
    network: Network
    address: IPv4Interface
    gateway: IPv4Address
    address6: IPv6Interface | None = None
    disks: tuple[Disk, ...] = ()
    user: str = "root"
    authorized_key: str | None = None
    host_key: str | None = None
    user_data: str | None = None

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise MachineError(f"machine name {self.name!r}: use up to 40 lower-case letters, digits and inner hyphens")
        if self.network not in get_args(Network):
            raise MachineError(f"machine {self.name}: no network {self.network!r}; there are {', '.join(get_args(Network))}")

    def __repr__(self) -> str:
        """Without host key and user data: they hold private keys."""
        return f"Spec({self.name}, {self.network}, {self.address})"


def to_json(spec: Spec) -> str:
    """The text that `from_json` reads."""
    return json.dumps(asdict(spec), indent=1, default=str)


def from_json(text: str) -> Spec:
    """ValueError, KeyError or TypeError when the text is damaged."""
    raw = json.loads(text)
    return Spec(
        **raw
        | {
            "address": IPv4Interface(raw["address"]),
            "gateway": IPv4Address(raw["gateway"]),
            "address6": IPv6Interface(raw["address6"]) if raw["address6"] else None,
            "disks": tuple(Disk(**disk) for disk in raw["disks"]),
        }
    )


def rules_to_json(rules: tuple[EdgeRule, ...] | None) -> str:
    """The text that `rules_from_json` reads; None (no firewall group) is kept apart from () (a group without rules)."""
    return json.dumps(None if rules is None else [asdict(rule) for rule in rules], default=str)


def rules_from_json(text: str) -> tuple[EdgeRule, ...] | None:
    """ValueError, KeyError or TypeError when the text is damaged."""
    raw = json.loads(text)
    return None if raw is None else tuple(EdgeRule(**rule | {"source": ip_network(rule["source"])}) for rule in raw)
